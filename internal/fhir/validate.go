package fhir

import "slices"

// Validate checks that a body is one valid resource or Bundle. If it is not, the error
// is a *[ValidationError].
func Validate(v Version, body []byte) (*Report, error) {
	doc, f := parse(body)
	defer doc.close()
	c := newChecker(v, doc)
	if f != nil {
		c.found.add(*f)
		return nil, c.found.errOrNil()
	}
	if !c.check() {
		return nil, c.found.errOrNil()
	}
	return c.report(), nil
}

// A checker checks a document against the definitions of a version.
type checker struct {
	doc       *document
	defs      *definitions
	found     ValidationError
	scope     *resourceScope // the resource that contains the current value
	bundle    *bundleScope   // the Bundle that the current value is in
	resources []resourceNode // in the order of the text
	version   Version
}

// A resourceNode is a resource that is not contained in another.
type resourceNode struct {
	node uint32
	name string
}

func newChecker(v Version, doc *document) *checker {
	return &checker{doc: doc, defs: definitionsOf(v), version: v}
}

// check checks the document and reports whether it has no issues.
func (c *checker) check() bool {
	if len(c.doc.duplicates) > 0 {
		// Parsers differ in which of the members they use, so nothing else is checked.
		for _, m := range c.doc.duplicates {
			c.addIssue(m, CodeStructure, "has a name that its object has had before")
		}
		return false
	}
	if c.defs == nil {
		c.checkMinimal()
	} else {
		c.checkResource(0)
	}
	return len(c.found.Issues) == 0
}

// addIssue adds an issue at a value.
func (c *checker) addIssue(at uint32, code IssueCode, text string) {
	c.addIssueAt(at, "", code, text)
}

// addIssueAt adds an issue at a member of an object, such as ".status", which may be
// missing.
func (c *checker) addIssueAt(at uint32, member string, code IssueCode, text string) {
	f := Issue{Code: code, Text: text}
	if len(c.found.Issues) < maxIssues { // computing a path takes time
		f.Location = c.doc.path(at) + member
	}
	c.found.add(f)
}

// typeOf returns the type of a resource. If the value is not a resource of a known type,
// it adds an issue and returns nil.
func (c *checker) typeOf(i uint32) *typeDef {
	if k := c.doc.nodes[i].kind; k != kindObject {
		c.addIssue(i, CodeStructure, "must be a resource, not "+k.noun())
		return nil
	}
	m, ok := c.doc.member(i, "resourceType")
	if !ok {
		c.addIssueAt(i, ".resourceType", CodeRequired, "is required: it names the type of the resource")
		return nil
	}
	name := c.doc.text(m)
	t := c.defs.resource(name)
	if t == nil {
		c.addIssue(m, CodeStructure, hintsFor(c.version).unknownTypeText(name))
	}
	return t
}

// checkResource checks a resource that is not contained in another.
func (c *checker) checkResource(i uint32) {
	t := c.typeOf(i)
	if t == nil {
		return
	}
	outer := c.scope
	c.scope = newResourceScope(c.doc, i)
	c.resources = append(c.resources, resourceNode{i, t.name})
	c.checkObject(i, t, nil)
	c.checkContainedUse()
	c.scope = outer
}

// hasViolation reports whether there is an issue at a value for an invariant, unless there are
// too many issues for another one anyway.
func (c *checker) hasViolation(at uint32, key string) bool {
	if len(c.found.Issues) >= maxIssues { // computing a path takes time
		return false
	}
	location := c.doc.path(at)
	return slices.ContainsFunc(c.found.Issues, func(i Issue) bool { return i.Key == key && i.Location == location })
}

// addViolation adds an issue for an invariant that is violated, with its key.
func (c *checker) addViolation(at uint32, key, text string) {
	c.addIssue(at, CodeInvariant, text)
	if n := len(c.found.Issues); !c.found.Truncated {
		c.found.Issues[n-1].Key = key
	}
}

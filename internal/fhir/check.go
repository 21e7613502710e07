package fhir

import (
	"fmt"
	"strings"
)

// A Report is what a check learned of a body that is well formed.
type Report struct {
	Version      Version
	ResourceType string
	// Bundle is the Bundle's type, empty if it is none.
	BundleType string
	// Resources are those that the body holds in the order of the text, contained
	// ones apart: the one resource, or a Bundle and then those of its entries.
	Resources []Resource
	// Profiles are those that the resources claim, each once.
	Profiles []string
	// Structure says whether the structure was checked: there are definitions of
	// the version. If not, only what holds of any JSON was.
	StructureChecked bool
}

// A Resource is one of a body, and the profiles that it claims to follow
// (meta.profile). Whether it does is not checked.
type Resource struct {
	Type     string
	Profiles []string
}

// Check says whether a body is one well-formed resource or Bundle. If it is not,
// the error is a *[ValidationError].
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

// A checker holds a document to a version's table.
type checker struct {
	doc       *document
	defs      *definitions
	found     ValidationError
	scope     *resourceScope // the resource that contains what is looked at
	bundle    *bundleScope   // the Bundle that it is an entry of
	resources []resourceNode // in the order of the text
	version   Version
}

type resourceNode struct {
	node uint32
	name string
}

func newChecker(v Version, doc *document) *checker {
	return &checker{doc: doc, defs: definitionsOf(v), version: v}
}

// all checks the document and says whether it has no faults.
func (c *checker) check() bool {
	if len(c.doc.duplicates) > 0 {
		// Which of the two counts nobody can say, so nothing more is said.
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

func (c *checker) report() *Report {
	r := &Report{Version: c.version, StructureChecked: c.defs != nil, ResourceType: string(c.doc.memberText(0, "resourceType"))}
	if r.ResourceType == "Bundle" {
		r.BundleType = string(c.doc.memberText(0, "type"))
	}
	seen := map[string]bool{}
	for _, x := range c.resources {
		claimed := c.doc.profiles(x.node)
		r.Resources = append(r.Resources, Resource{x.name, claimed})
		for _, p := range claimed {
			if !seen[p] {
				seen[p] = true
				r.Profiles = append(r.Profiles, p)
			}
		}
	}
	return r
}

// profiles are what a resource claims.
func (d *document) profiles(resource uint32) (urls []string) {
	meta, ok := d.member(resource, "meta")
	if !ok {
		return nil
	}
	list, ok := d.member(meta, "profile")
	if !ok {
		return nil
	}
	for p := range d.children(list) {
		if text := d.text(p); len(text) > 0 {
			urls = append(urls, string(text))
		}
	}
	return urls
}

// fault collects what is wrong with a value.
func (c *checker) addIssue(at uint32, code IssueCode, text string) {
	c.addIssueAt(at, "", code, text)
}

// faultAt collects what is wrong with a member, such as ".status", that may be
// missing from an object.
func (c *checker) addIssueAt(at uint32, member string, code IssueCode, text string) {
	f := Issue{Code: code, Text: text}
	if len(c.found.Issues) < MaxIssues { // a path takes time
		f.Location = c.doc.path(at) + member
	}
	c.found.add(f)
}

// typeOf is the type that an object says it is, with a fault if it is none.
func (c *checker) typeOf(i uint32) *typeDef {
	if k := c.doc.nodes[i].kind; k != kindObject {
		c.addIssue(i, CodeStructure, "must be a resource, not "+k.noun())
		return nil
	}
	m, ok := c.doc.member(i, "resourceType")
	if !ok {
		c.addIssueAt(i, ".resourceType", CodeRequired, "is required: which resource is it?")
		return nil
	}
	name := c.doc.text(m)
	t := c.defs.resource(name)
	if t == nil {
		c.addIssue(m, CodeStructure, hintsFor(c.version).unknownTypeText(name))
	}
	return t
}

// resource checks a resource that stands by itself or in an entry.
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

// elements remembers which elements of a type an object has.
type elementSet [2]uint64

func (e *elementSet) add(i int) (before bool) {
	if i >= 128 {
		return false // no type has so many
	}
	bit := uint64(1) << (i % 64)
	before = e[i/64]&bit != 0
	e[i/64] |= bit
	return before
}

func (e *elementSet) has(i int) bool {
	return i < 128 && e[i/64]&(1<<(i%64)) != 0
}

// object checks an object of a type. It was reached through the element from,
// nil for a resource.
func (c *checker) checkObject(i uint32, t *typeDef, from *property) {
	d := c.doc
	t.loaded()
	outer := c.bundle
	if t.kind == typeBundle {
		c.bundle = newBundleScope(d, i)
	}
	var seen elementSet
	n := 0
	for m, end := i+1, d.next(i); m < end; m = d.next(m) {
		full := d.name(m)
		name, under := full, len(full) > 0 && full[0] == '_'
		if under {
			name = full[1:]
		}
		p := t.property(name)
		if p == nil {
			if !t.resource || under || string(name) != "resourceType" {
				c.addIssue(m, CodeStructure, c.unknownElementText(t, full))
			}
			n++
			continue
		}
		if p.element.name != "id" || t.kind == typeElement { // of those, checkAlone says more
			n++
		}
		if under && p.primitive == primNone {
			c.addIssue(m, CodeStructure, "has an underscore, which only a primitive element may have")
			continue
		}
		if seen.add(p.element.index) && p.element.choice {
			c.checkSecondChoice(i, m, p)
		}
		c.checkMember(i, m, p, under)
	}
	if n == 0 && !t.resource {
		c.addIssue(i, CodeInvariant, "is empty: an element has a value or elements, or is left out")
	}
	for _, e := range t.elements {
		if e.required && !seen.has(e.index) {
			c.addMissing(i, e)
		}
	}
	c.checkInvariants(i, t)
	switch t.kind {
	case typeReference:
		c.checkReference(i, from)
	case typeBundle:
		c.checkBundle(i)
	}
	c.bundle = outer
}

func (c *checker) addMissing(i uint32, e *elementDef) {
	if e.choice {
		c.addIssueAt(i, "."+e.name+"[x]", CodeRequired, "is required: one of "+listWords(e.choices))
		return
	}
	c.addIssueAt(i, "."+e.name, CodeRequired, "is required")
}

// checkChoice finds a second type of a choice; a value and what accompanies it
// are of one.
func (c *checker) checkSecondChoice(i, m uint32, p *property) {
	for o := range c.doc.children(i) {
		if o == m {
			return
		}
		name := c.doc.name(o)
		if len(name) > 0 && name[0] == '_' {
			name = name[1:]
		}
		if string(name) == p.name {
			continue
		}
		for _, alt := range p.element.choices {
			if string(name) == alt {
				c.addIssue(m, CodeStructure, fmt.Sprintf("is a second %s[x]: there may be one, and %s is here", p.element.name, alt))
				return
			}
		}
	}
}

// member checks what stands behind the name of an element.
func (c *checker) checkMember(object, m uint32, p *property, under bool) {
	isArray := c.doc.nodes[m].kind == kindArray
	switch {
	case p.element.repeats && !isArray:
		if k := c.doc.nodes[m].kind; k == kindNull {
			c.addNull(m)
		} else {
			c.addIssue(m, CodeStructure, "must be a JSON array, since it may repeat, not "+k.noun())
		}
	case !p.element.repeats && isArray:
		c.addIssue(m, CodeStructure, "must not be an array, since it does not repeat")
	case !isArray:
		c.checkValue(m, p, under)
		if under {
			if w := c.counterpartOf(object, p.name, true); !w.nextPresent() {
				c.checkExtensionWithoutValue(m)
			}
		}
	case c.doc.nodes[m].next == m+1:
		c.addIssue(m, CodeStructure, "is an empty array: leave the element out")
	default:
		c.checkItems(object, m, p, under)
	}
}

func (c *checker) addNull(i uint32) {
	c.addIssue(i, CodeStructure, "is null: leave the element out")
}

// value checks one value of an element.
func (c *checker) checkValue(i uint32, p *property, under bool) {
	k := c.doc.nodes[i].kind
	switch {
	case k == kindNull:
		c.addNull(i)
	case under:
		if k != kindObject {
			c.addIssue(i, CodeStructure, "must have a JSON object behind the underscore, with id or extension, not "+k.noun())
			return
		}
		c.checkObject(i, c.defs.types["Element"], nil)
	case p.primitive != primNone:
		c.checkPrimitive(i, p)
	case p.anyResource && p.element.name == "contained":
		c.checkContained(i)
	case p.anyResource:
		c.checkResource(i)
	case k != kindObject:
		of := ""
		if p.typ != nil && !strings.Contains(p.typ.name, ".") {
			of = " (" + p.typ.name + ")"
		}
		c.addIssue(i, CodeStructure, "must be a JSON object"+of+", not "+k.noun())
	case p.typ != nil:
		c.checkObject(i, p.typ, p)
		if p.element.valueSet != nil {
			c.checkBinding(i, p)
		}
	}
}

// primitive checks the value of a primitive element.
func (c *checker) checkPrimitive(i uint32, p *property) {
	n := &c.doc.nodes[i]
	want, name := p.primitive.jsonKind()
	got := n.kind
	if got == kindFalse {
		got = kindTrue
	}
	if got != want {
		c.addIssue(i, CodeValue, "must be "+name+", not "+got.noun())
		return
	}
	switch want {
	case kindTrue:
		return
	case kindString:
		if n.start == n.end {
			c.addIssue(i, CodeValue, "is an empty string: leave the element out")
			return
		}
	}
	text := c.doc.raw(i)
	if n.escaped {
		text = c.doc.text(i)
	}
	if says := p.primitive.check(text); says != "" {
		c.addIssue(i, CodeValue, says)
		return
	}
	switch e := p.element; {
	case e.valueSet != nil && !e.valueSet.loaded().has(text):
		c.addIssue(i, CodeCodeInvalid, notInValueSet(e.valueSet.name, e.valueSet.codes))
	case e.codeFormat != formatNone:
		if says := e.codeFormat.check(text); says != "" {
			c.addIssue(i, CodeCodeInvalid, says)
		}
	}
}

// notListed says that a code is none of a value set's. It does not repeat the code:
// where a code belongs, a word about the person may stand.
func notInValueSet(list string, codes []string) string {
	return fmt.Sprintf("is not in the value set %s: %s", list, listWords(codes))
}

// bound checks a Coding or CodeableConcept whose binding is required. A code of
// one of the value set's systems must be in the value set. Text alone, and codes
// of other systems, are let pass, since HL7's own examples have both.
func (c *checker) checkBinding(i uint32, p *property) {
	codings := []uint32{i}
	if list, ok := c.doc.member(i, "coding"); ok {
		codings = codings[:0]
		for x := range c.doc.children(list) {
			codings = append(codings, x)
		}
	}
	wrong, l := uint32(0), p.element.valueSet.loaded()
	for _, x := range codings {
		code, system := c.doc.memberText(x, "code"), c.doc.memberText(x, "system")
		has, known := l.hasOf(system, code)
		if len(system) == 0 {
			has, known = l.has(code), true
		}
		if has {
			return
		}
		if m, ok := c.doc.member(x, "code"); ok && known {
			wrong = m
		}
	}
	if wrong != 0 {
		c.addIssue(wrong, CodeCodeInvalid, notInValueSet(l.name, l.codes))
	}
}

package fhir

import (
	"fmt"
	"strings"
)

// An elementSet is the set of a type's elements that an object has.
type elementSet [2]uint64

// add adds an element and reports whether the set had it before.
func (e *elementSet) add(i int) (before bool) {
	if i >= 128 {
		return false // unreachable: no type has so many elements
	}
	bit := uint64(1) << (i % 64)
	before = e[i/64]&bit != 0
	e[i/64] |= bit
	return before
}

func (e *elementSet) has(i int) bool {
	return i < 128 && e[i/64]&(1<<(i%64)) != 0
}

// checkObject checks an object against a type. from is the element whose value it is, or
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
		name, underscored := full, len(full) > 0 && full[0] == '_'
		if underscored {
			name = full[1:]
		}
		p := t.property(name)
		if p == nil {
			if !t.resource || underscored || string(name) != "resourceType" {
				c.addIssue(m, CodeStructure, c.unknownElementText(t, full))
			}
			n++
			continue
		}
		// An object with nothing but an id counts as empty. For an Element,
		// checkExtensionWithoutValue reports it.
		isID := p.element.name == "id"
		if !isID || t.kind == typeElement {
			n++
		}
		if underscored && p.primitive == primNone {
			c.addIssue(m, CodeStructure, "has an underscore, which only a primitive element may have")
			continue
		}
		if seen.add(p.element.index) && p.element.choice {
			c.checkSecondChoice(i, m, p)
		}
		c.checkMember(i, m, p, underscored)
		if isID && !t.resource && !underscored {
			c.checkElementID(m, t)
		}
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

// addMissing adds an issue for a required element that is missing.
func (c *checker) addMissing(i uint32, e *elementDef) {
	if e.choice {
		c.addIssueAt(i, "."+e.name+"[x]", CodeRequired, "is required: one of "+listWords(e.choices))
		return
	}
	c.addIssueAt(i, "."+e.name, CodeRequired, "is required")
}

// checkSecondChoice adds an issue if an earlier member has another type of the same
// choice. A value and its extensions are two members of the same type.
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
				c.addIssue(m, CodeStructure,
					fmt.Sprintf("is a second %s[x]: there may be one, and %s is here", p.element.name, alt))
				return
			}
		}
	}
}

// checkMember checks the value of a member that is an element of its type.
func (c *checker) checkMember(object, m uint32, p *property, underscored bool) {
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
		c.checkValue(m, p, underscored)
		if underscored {
			if w := c.counterpartOf(object, p.name, true); !w.nextPresent() {
				c.checkExtensionWithoutValue(m)
			}
		}
	case c.doc.nodes[m].next == m+1:
		c.addIssue(m, CodeStructure, "is an empty array: leave the element out")
	default:
		c.checkItems(object, m, p, underscored)
	}
}

// addNull adds an issue for a null.
func (c *checker) addNull(i uint32) {
	c.addIssue(i, CodeStructure, "is null: leave the element out")
}

// checkValue checks one value of an element.
func (c *checker) checkValue(i uint32, p *property, underscored bool) {
	k := c.doc.nodes[i].kind
	switch {
	case k == kindNull:
		c.addNull(i)
	case underscored:
		if k != kindObject {
			c.addIssue(i, CodeStructure,
				"must have a JSON object behind the underscore, with id or extension, not "+k.noun())
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

// checkPrimitive checks the value of a primitive element.
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
	if problem := p.primitive.check(text); problem != "" {
		c.addIssue(i, CodeValue, problem)
		return
	}
	switch e := p.element; {
	case e.valueSet != nil && !e.valueSet.loaded().has(text):
		c.addIssue(i, CodeCodeInvalid, notInValueSet(e.valueSet.name, e.valueSet.codes))
	case e.codeFormat != formatNone:
		if problem := e.codeFormat.check(text); problem != "" {
			c.addIssue(i, CodeCodeInvalid, problem)
		}
	}
}

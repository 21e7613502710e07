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
	Bundle string
	// Resources are those that the body holds in the order of the text, contained
	// ones apart: the one resource, or a Bundle and then those of its entries.
	Resources []Resource
	// Profiles are those that the resources claim, each once.
	Profiles []string
	// Structure says whether the structure was checked: there are definitions of
	// the version. If not, only what holds of any JSON was.
	Structure bool
}

// A Resource is one of a body, and the profiles that it claims to follow
// (meta.profile). Whether it does is not checked.
type Resource struct {
	Type     string
	Profiles []string
}

// Check says whether a body is one well-formed resource or Bundle. If it is not,
// the error is a *[Faults].
func Check(v Version, body []byte) (*Report, error) {
	doc, f := parse(body)
	defer doc.close()
	c := newChecker(v, doc)
	if f != nil {
		c.faults.add(*f)
		return nil, c.faults.orNil()
	}
	if !c.all() {
		return nil, c.faults.orNil()
	}
	return c.report(), nil
}

// A checker holds a document to a version's table.
type checker struct {
	doc       *document
	table     *table
	faults    Faults
	scope     *scope       // the resource that contains what is looked at
	bundle    *bundleScope // the Bundle that it is an entry of
	resources []resourceAt // in the order of the text
	version   Version
}

type resourceAt struct {
	node uint32
	name string
}

func newChecker(v Version, doc *document) *checker {
	return &checker{doc: doc, table: tableOf(v), version: v}
}

// all checks the document and says whether it has no faults.
func (c *checker) all() bool {
	if len(c.doc.twice) > 0 {
		// Which of the two counts nobody can say, so nothing more is said.
		for _, m := range c.doc.twice {
			c.fault(m, CodeStructure, "has a name that its object has had before")
		}
		return false
	}
	if c.table == nil {
		c.listResources()
	} else {
		c.resource(0)
	}
	return len(c.faults.List) == 0
}

func (c *checker) report() *Report {
	r := &Report{Version: c.version, Structure: c.table != nil, ResourceType: string(c.doc.memberText(0, "resourceType"))}
	if r.ResourceType == "Bundle" {
		r.Bundle = string(c.doc.memberText(0, "type"))
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
	for p := range d.inside(list) {
		if text := d.text(p); len(text) > 0 {
			urls = append(urls, string(text))
		}
	}
	return urls
}

// fault collects what is wrong with a value.
func (c *checker) fault(at uint32, code Code, text string) {
	c.faultAt(at, "", code, text)
}

// faultAt collects what is wrong with a member, such as ".status", that may be
// missing from an object.
func (c *checker) faultAt(at uint32, member string, code Code, text string) {
	f := Fault{Code: code, Text: text}
	if len(c.faults.List) < MaxFaults { // a path takes time
		f.Location = c.doc.path(at) + member
	}
	c.faults.add(f)
}

// typeOf is the type that an object says it is, with a fault if it is none.
func (c *checker) typeOf(i uint32) *typeDef {
	if k := c.doc.nodes[i].kind; k != kindObject {
		c.fault(i, CodeStructure, "must be a resource, not "+k.name())
		return nil
	}
	m, ok := c.doc.member(i, "resourceType")
	if !ok {
		c.faultAt(i, ".resourceType", CodeRequired, "is required: which resource is it?")
		return nil
	}
	name := c.doc.text(m)
	t := c.table.resource(name)
	if t == nil {
		c.fault(m, CodeStructure, hintsOf(c.version).unknownType(name))
	}
	return t
}

// resource checks a resource that stands by itself or in an entry.
func (c *checker) resource(i uint32) {
	t := c.typeOf(i)
	if t == nil {
		return
	}
	outer := c.scope
	c.scope = newScope(c.doc, i)
	c.resources = append(c.resources, resourceAt{i, t.name})
	c.object(i, t, nil)
	c.checkContained()
	c.scope = outer
}

// elements remembers which elements of a type an object has.
type elements [2]uint64

func (e *elements) add(i int) (before bool) {
	if i >= 128 {
		return false // no type has so many
	}
	bit := uint64(1) << (i % 64)
	before = e[i/64]&bit != 0
	e[i/64] |= bit
	return before
}

func (e *elements) has(i int) bool {
	return i < 128 && e[i/64]&(1<<(i%64)) != 0
}

// object checks an object of a type. It was reached through the element from,
// nil for a resource.
func (c *checker) object(i uint32, t *typeDef, from *prop) {
	d := c.doc
	t.ready()
	outer := c.bundle
	if t.special == isBundle {
		c.bundle = newBundleScope(d, i)
	}
	var seen elements
	n := 0
	for m, end := i+1, d.next(i); m < end; m = d.next(m) {
		full := d.name(m)
		name, under := full, len(full) > 0 && full[0] == '_'
		if under {
			name = full[1:]
		}
		p := t.prop(name)
		if p == nil {
			if !t.resource || under || string(name) != "resourceType" {
				c.fault(m, CodeStructure, c.unknownElement(t, full))
			}
			n++
			continue
		}
		if p.element.name != "id" || t.special == isElement { // of those, checkAlone says more
			n++
		}
		if under && p.primitive == primNone {
			c.fault(m, CodeStructure, "has an underscore, which only a primitive element may have")
			continue
		}
		if seen.add(p.element.index) && p.element.choice {
			c.checkChoice(i, m, p)
		}
		c.member(i, m, p, under)
	}
	if n == 0 && !t.resource {
		c.fault(i, CodeInvariant, "is empty: an element has a value or elements, or is left out")
	}
	for _, e := range t.elements {
		if e.required && !seen.has(e.index) {
			c.missing(i, e)
		}
	}
	c.invariants(i, t)
	switch t.special {
	case isReference:
		c.reference(i, from)
	case isBundle:
		c.checkBundle(i)
	}
	c.bundle = outer
}

func (c *checker) missing(i uint32, e *element) {
	if e.choice {
		c.faultAt(i, "."+e.name+"[x]", CodeRequired, "is required: one of "+listed(e.alts))
		return
	}
	c.faultAt(i, "."+e.name, CodeRequired, "is required")
}

// checkChoice finds a second type of a choice; a value and what accompanies it
// are of one.
func (c *checker) checkChoice(i, m uint32, p *prop) {
	for o := range c.doc.inside(i) {
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
		for _, alt := range p.element.alts {
			if string(name) == alt {
				c.fault(m, CodeStructure, fmt.Sprintf("is a second %s[x]: there may be one, and %s is here", p.element.name, alt))
				return
			}
		}
	}
}

// member checks what stands behind the name of an element.
func (c *checker) member(object, m uint32, p *prop, under bool) {
	isArray := c.doc.nodes[m].kind == kindArray
	switch {
	case p.element.many && !isArray:
		if k := c.doc.nodes[m].kind; k == kindNull {
			c.null(m)
		} else {
			c.fault(m, CodeStructure, "must be a JSON array, since it may repeat, not "+k.name())
		}
	case !p.element.many && isArray:
		c.fault(m, CodeStructure, "must not be an array, since it does not repeat")
	case !isArray:
		c.value(m, p, under)
		if under {
			if w := c.twinsOf(object, p.name, true); !w.step() {
				c.alone(m)
			}
		}
	case c.doc.nodes[m].next == m+1:
		c.fault(m, CodeStructure, "is an empty array: leave the element out")
	default:
		c.items(object, m, p, under)
	}
}

func (c *checker) null(i uint32) {
	c.fault(i, CodeStructure, "is null: leave the element out")
}

// value checks one value of an element.
func (c *checker) value(i uint32, p *prop, under bool) {
	k := c.doc.nodes[i].kind
	switch {
	case k == kindNull:
		c.null(i)
	case under:
		if k != kindObject {
			c.fault(i, CodeStructure, "must have a JSON object behind the underscore, with id or extension, not "+k.name())
			return
		}
		c.object(i, c.table.types["Element"], nil)
	case p.primitive != primNone:
		c.primitive(i, p)
	case p.anything && p.element.name == "contained":
		c.contained(i)
	case p.anything:
		c.resource(i)
	case k != kindObject:
		of := ""
		if p.typ != nil && !strings.Contains(p.typ.name, ".") {
			of = " (" + p.typ.name + ")"
		}
		c.fault(i, CodeStructure, "must be a JSON object"+of+", not "+k.name())
	case p.typ != nil:
		c.object(i, p.typ, p)
		if p.element.codes != nil {
			c.bound(i, p)
		}
	}
}

// primitive checks the value of a primitive element.
func (c *checker) primitive(i uint32, p *prop) {
	n := &c.doc.nodes[i]
	want, name := p.primitive.kind()
	got := n.kind
	if got == kindFalse {
		got = kindTrue
	}
	if got != want {
		c.fault(i, CodeValue, "must be "+name+", not "+got.name())
		return
	}
	switch want {
	case kindTrue:
		return
	case kindString:
		if n.start == n.end {
			c.fault(i, CodeValue, "is an empty string: leave the element out")
			return
		}
	}
	text := c.doc.raw(i)
	if n.escaped {
		text = c.doc.text(i)
	}
	if says := p.primitive.refuse(text); says != "" {
		c.fault(i, CodeValue, says)
		return
	}
	switch e := p.element; {
	case e.codes != nil && !e.codes.ready().has(text):
		c.fault(i, CodeCodeInvalid, notListed(e.codes.name, e.codes.all))
	case e.form != formNone:
		if says := e.form.refuse(text); says != "" {
			c.fault(i, CodeCodeInvalid, says)
		}
	}
}

// notListed says that a code is none of a value set's. It does not repeat the code:
// where a code belongs, a word about the person may stand.
func notListed(list string, codes []string) string {
	return fmt.Sprintf("is not in the value set %s: %s", list, listed(codes))
}

// bound checks a Coding or CodeableConcept whose binding is required. A code of
// one of the value set's systems must be in the value set. Text alone, and codes
// of other systems, are let pass, since HL7's own examples have both.
func (c *checker) bound(i uint32, p *prop) {
	codings := []uint32{i}
	if list, ok := c.doc.member(i, "coding"); ok {
		codings = codings[:0]
		for x := range c.doc.inside(list) {
			codings = append(codings, x)
		}
	}
	wrong, l := uint32(0), p.element.codes.ready()
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
		c.fault(wrong, CodeCodeInvalid, notListed(l.name, l.all))
	}
}

package fhir

// A primitive's id and extensions stand in a second member, named with an
// underscore. Where the element repeats, both are arrays whose items belong
// together by their place, and null fills the places of what is not there
// (https://hl7.org/fhir/STU3/json.html#primitive).

// twins walks along the other of the two members.
type counterpart struct {
	doc       *document
	exists    bool // the other member is there at all
	next, end uint32
}

// twinsOf finds the other member of an element's two.
func (c *checker) counterpartOf(object uint32, name string, under bool) counterpart {
	if !under {
		name = "_" + name
	}
	m, ok := c.doc.member(object, name)
	if !ok {
		return counterpart{}
	}
	w := counterpart{doc: c.doc, exists: true, next: m, end: c.doc.next(m)}
	if c.doc.nodes[m].kind == kindArray {
		w.next++
	}
	return w
}

// step says whether the next of the twins is there and has something to say.
func (w *counterpart) nextPresent() bool {
	if w.next >= w.end {
		return false
	}
	there := w.doc.nodes[w.next].kind != kindNull
	w.next = w.doc.next(w.next)
	return there
}

// items checks an array. Null may stand in one of primitives if its twin is there.
func (c *checker) checkItems(object, m uint32, p *property, under bool) {
	if p.primitive == primNone {
		for item := range c.doc.children(m) {
			c.checkValue(item, p, under)
		}
		return
	}
	w := c.counterpartOf(object, p.name, under)
	for item := range c.doc.children(m) {
		twin := w.nextPresent()
		switch isNull := c.doc.nodes[item].kind == kindNull; {
		case !isNull:
			c.checkValue(item, p, under)
			if under && !twin {
				c.checkExtensionWithoutValue(item)
			}
		case twin:
		case !w.exists:
			c.addNull(item)
		case !under: // said once, of the value
			c.addIssue(item, CodeStructure, "is null, and has no extension in its place either")
		}
	}
}

// alone checks what accompanies no value: it must say why there is none.
func (c *checker) checkExtensionWithoutValue(item uint32) {
	if c.doc.nodes[item].kind != kindObject {
		return // a fault already
	}
	if _, ok := c.doc.member(item, "extension"); !ok {
		c.addIssue(item, CodeInvariant, "has neither a value nor an extension")
	}
}

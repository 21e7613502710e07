package fhir

// A primitive's id and extensions stand in a second member, named with an
// underscore. Where the element repeats, both are arrays whose items belong
// together by their place, and null fills the places of what is not there
// (https://hl7.org/fhir/STU3/json.html#primitive).

// twins walks along the other of the two members.
type twins struct {
	doc     *document
	there   bool // the other member is there at all
	at, end uint32
}

// twinsOf finds the other member of an element's two.
func (c *checker) twinsOf(object uint32, name string, under bool) twins {
	if !under {
		name = "_" + name
	}
	m, ok := c.doc.member(object, name)
	if !ok {
		return twins{}
	}
	w := twins{doc: c.doc, there: true, at: m, end: c.doc.next(m)}
	if c.doc.nodes[m].kind == kindArray {
		w.at++
	}
	return w
}

// step says whether the next of the twins is there and has something to say.
func (w *twins) step() bool {
	if w.at >= w.end {
		return false
	}
	there := w.doc.nodes[w.at].kind != kindNull
	w.at = w.doc.next(w.at)
	return there
}

// items checks an array. Null may stand in one of primitives if its twin is there.
func (c *checker) items(object, m uint32, p *prop, under bool) {
	if p.primitive == primNone {
		for item := range c.doc.inside(m) {
			c.value(item, p, under)
		}
		return
	}
	w := c.twinsOf(object, p.name, under)
	for item := range c.doc.inside(m) {
		twin := w.step()
		switch isNull := c.doc.nodes[item].kind == kindNull; {
		case !isNull:
			c.value(item, p, under)
			if under && !twin {
				c.alone(item)
			}
		case twin:
		case !w.there:
			c.null(item)
		case !under: // said once, of the value
			c.fault(item, CodeStructure, "is null, and has no extension in its place either")
		}
	}
}

// alone checks what accompanies no value: it must say why there is none.
func (c *checker) alone(item uint32) {
	if c.doc.nodes[item].kind != kindObject {
		return // a fault already
	}
	if _, ok := c.doc.member(item, "extension"); !ok {
		c.fault(item, CodeInvariant, "has neither a value nor an extension")
	}
}

package fhir

// A primitive's id and extensions stand in a second member, named with an
// underscore. Where the element repeats, both are arrays whose items belong
// together by their place, and null fills the places of what is not there
// (https://hl7.org/fhir/STU3/json.html#primitive).

// twin is the k-th item of the other of the two members, or that member itself
// if k is negative.
func (c *checker) twin(object uint32, name string, k int, under bool) (uint32, bool) {
	if !under {
		name = "_" + name
	}
	m, ok := c.doc.member(object, name)
	if !ok || k < 0 || c.doc.nodes[m].kind != kindArray {
		return m, ok && k < 0
	}
	for item := range c.doc.inside(m) {
		if k == 0 {
			return item, true
		}
		k--
	}
	return 0, false
}

// checkPair checks a null in an array: its twin must be there.
func (c *checker) checkPair(object, item uint32, name string, k int, under bool) {
	if t, ok := c.twin(object, name, k, under); ok && c.doc.nodes[t].kind != kindNull {
		return
	}
	if _, ok := c.twin(object, name, -1, under); !ok {
		c.null(item)
		return
	}
	if !under { // said once, of the value
		c.fault(item, CodeStructure, "is null, and has no extension in its place either")
	}
}

// checkAlone checks what accompanies a value: without one, it must say why.
func (c *checker) checkAlone(object, item uint32, name string, k int) {
	if t, ok := c.twin(object, name, k, true); ok && c.doc.nodes[t].kind != kindNull {
		return
	}
	if c.doc.nodes[item].kind != kindObject {
		return // that is a fault already
	}
	if _, ok := c.doc.member(item, "extension"); !ok {
		c.fault(item, CodeInvariant, "has neither a value nor an extension")
	}
}

package fhir

// The id and the extensions of a primitive are in a second member, whose name has an
// underscore. If the element repeats, both members are arrays, their items belong
// together by position, and null stands for an item that is missing
// (https://hl7.org/fhir/STU3/json.html#primitive).

// A counterpart iterates over the items of the other member of such a pair.
type counterpart struct {
	doc       *document
	exists    bool // the other member exists
	member    uint32
	next, end uint32
}

// counterpartOf returns the counterpart of the member with a name. underscored reports
// whether this member is the one with the underscore.
func (c *checker) counterpartOf(object uint32, name string, underscored bool) counterpart {
	if !underscored {
		name = "_" + name
	}
	m, ok := c.doc.member(object, name)
	if !ok {
		return counterpart{}
	}
	other := counterpart{doc: c.doc, exists: true, member: m, next: m, end: c.doc.next(m)}
	if c.doc.nodes[m].kind == kindArray {
		other.next++
	}
	return other
}

// nextPresent advances by one item and reports whether it exists and is not null.
func (other *counterpart) nextPresent() bool {
	if other.next >= other.end {
		return false
	}
	there := other.doc.nodes[other.next].kind != kindNull
	other.next = other.doc.next(other.next)
	return there
}

// hasOtherLength reports whether the counterpart of an array is an array of another length.
func (c *checker) hasOtherLength(m uint32, other counterpart) bool {
	if !other.exists || c.doc.nodes[other.member].kind != kindArray {
		return false
	}
	n := 0
	for range c.doc.children(m) {
		n++
	}
	for range c.doc.children(other.member) {
		n--
	}
	return n != 0
}

// checkItems checks an array. A primitive may be null if its counterpart is not.
func (c *checker) checkItems(object, m uint32, p *property, underscored bool) {
	if p.primitive == primNone {
		for item := range c.doc.children(m) {
			c.checkValue(item, p, underscored)
		}
		return
	}
	other := c.counterpartOf(object, p.name, underscored)
	if !underscored && c.hasOtherLength(m, other) {
		c.addIssue(m, CodeStructure, "has another length than the array of its extensions (with the underscore): "+
			"null stands for what is missing, so that they pair up")
		return
	}
	for item := range c.doc.children(m) {
		present := other.nextPresent()
		switch isNull := c.doc.nodes[item].kind == kindNull; {
		case !isNull:
			c.checkValue(item, p, underscored)
			if underscored && !present {
				c.checkExtensionWithoutValue(item)
			}
		case present:
		case !other.exists:
			c.addNull(item)
		case !underscored: // otherwise reported for the value
			c.addIssue(item, CodeStructure, "is null, and has no extension in its place either")
		}
	}
}

// checkExtensionWithoutValue checks that an element without a value has an extension, and
// not only an id.
func (c *checker) checkExtensionWithoutValue(item uint32) {
	if c.doc.nodes[item].kind != kindObject {
		return // already reported
	}
	if _, ok := c.doc.member(item, "extension"); !ok {
		c.addIssue(item, CodeInvariant, "has neither a value nor an extension")
	}
}

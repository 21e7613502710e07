package fhir

// Of a version without a table only what holds of any JSON resource is checked:
// there is a type, and entries hold resources.

// listResources does for such a version what resource does with a table.
func (c *checker) listResources() {
	if !c.listResource(0) || string(c.doc.memberText(0, "resourceType")) != "Bundle" {
		return
	}
	for e := range c.doc.entries() {
		if r, ok := c.doc.member(e, "resource"); ok {
			c.listResource(r)
		}
	}
}

func (c *checker) listResource(i uint32) bool {
	if k := c.doc.nodes[i].kind; k != kindObject {
		c.fault(i, CodeStructure, "must be a resource, not "+k.name())
		return false
	}
	m, ok := c.doc.member(i, "resourceType")
	if !ok {
		c.faultAt(i, ".resourceType", CodeRequired, "is required: which resource is it?")
		return false
	}
	name, ok := shownName(c.doc.text(m))
	if !ok || !isUpper(name[0]) {
		c.fault(m, CodeStructure, "must be the name of a type of resource")
		return false
	}
	c.resources = append(c.resources, resourceAt{i, name})
	return true
}

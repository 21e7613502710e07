package fhir

// Of a version without a table only what holds of any JSON resource is checked:
// there is a type, and entries hold resources.

// listResources does for such a version what resource does with a table.
func (c *checker) checkMinimal() {
	if !c.checkTypeName(0) || string(c.doc.memberText(0, "resourceType")) != "Bundle" {
		return
	}
	for e := range c.doc.entries() {
		if r, ok := c.doc.member(e, "resource"); ok {
			c.checkTypeName(r)
		}
	}
}

func (c *checker) checkTypeName(i uint32) bool {
	if k := c.doc.nodes[i].kind; k != kindObject {
		c.addIssue(i, CodeStructure, "must be a resource, not "+k.noun())
		return false
	}
	m, ok := c.doc.member(i, "resourceType")
	if !ok {
		c.addIssueAt(i, ".resourceType", CodeRequired, "is required: which resource is it?")
		return false
	}
	name, ok := safeName(c.doc.text(m))
	if !ok || !isUpper(name[0]) {
		c.addIssue(m, CodeStructure, "must be the name of a type of resource")
		return false
	}
	c.resources = append(c.resources, resourceNode{i, name})
	return true
}

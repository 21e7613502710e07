package fhir

// For a version without definitions, only rules of every version of FHIR are checked: a
// resource has a type, and the entries of a Bundle have resources.

// checkMinimal is checkResource for a version without definitions.
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

// checkTypeName checks that a value is an object that names its resource type, and
// records the resource.
func (c *checker) checkTypeName(i uint32) bool {
	if k := c.doc.nodes[i].kind; k != kindObject {
		c.addIssue(i, CodeStructure, "must be a resource, not "+k.noun())
		return false
	}
	m, ok := c.doc.member(i, "resourceType")
	if !ok {
		c.addIssueAt(i, ".resourceType", CodeRequired, "is required: it names the type of the resource")
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

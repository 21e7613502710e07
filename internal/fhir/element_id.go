package fhir

import (
	"bytes"
	"unicode"
)

// checkElementID checks the id of an element, which is not the id of a resource: it has no
// spaces, and no other element of the resource has it. m is the id, t the type of the
// element.
func (c *checker) checkElementID(m uint32, t *typeDef) {
	id := c.doc.text(m)
	if len(id) == 0 {
		return // already reported
	}
	if bytes.ContainsFunc(id, unicode.IsSpace) {
		c.addIssue(m, CodeValue, "is not an id of an element: it must have no spaces")
		return
	}
	if t.kind == typeElementDefinition {
		return // its id is a path, which the snapshot and the differential both have
	}
	if c.scope.elementIDs[string(id)] {
		c.addIssue(m, CodeStructure, "is the id of an earlier element of the resource, too: give each its own")
		return
	}
	if c.scope.elementIDs == nil {
		c.scope.elementIDs = map[string]bool{}
	}
	c.scope.elementIDs[string(id)] = true
}

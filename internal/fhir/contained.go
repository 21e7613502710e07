package fhir

// A resourceScope is a resource with the resources that it contains. References that
// are fragments (#id) are resolved in it.
type resourceScope struct {
	root           uint32
	containedByID  map[string]uint32
	containedNodes []uint32
	// inContained is set while a contained resource is being checked.
	inContained bool
	// elementIDs are the ids of the elements of the resource, or of the contained resource
	// that is being checked.
	elementIDs map[string]bool
}

func newResourceScope(d *document, root uint32) *resourceScope {
	s := &resourceScope{root: root}
	list, ok := d.member(root, "contained")
	if !ok {
		return s
	}
	s.containedByID = map[string]uint32{}
	for r := range d.children(list) {
		s.containedNodes = append(s.containedNodes, r)
		if id := d.memberText(r, "id"); len(id) > 0 {
			s.containedByID[string(id)] = r
		}
	}
	return s
}

// checkContained checks a contained resource
// (https://hl7.org/fhir/STU3/references.html#contained).
func (c *checker) checkContained(i uint32) {
	t := c.typeOf(i)
	if t == nil {
		return
	}
	if c.scope.inContained {
		c.addViolation(i, "dom-2", "stands in a contained resource, which must contain none itself")
		return
	}
	outer := c.scope.elementIDs
	c.scope.inContained, c.scope.elementIDs = true, nil
	c.checkObject(i, t, nil)
	c.scope.inContained, c.scope.elementIDs = false, outer
	if m, ok := c.doc.member(i, "meta"); ok {
		for _, name := range []string{"versionId", "lastUpdated"} {
			if v, ok := c.doc.member(m, name); ok {
				c.addViolation(v, "dom-4", "is of a contained resource, which has no life of its own")
			}
		}
	}
}

// containedType returns the type of the contained resource with an id, to which a
// reference #id refers. A bare # in a contained resource refers to the resource that
// contains it.
func (c *checker) containedType(id []byte) (name, problem string, code IssueCode) {
	at, ok := c.scope.containedByID[string(id)]
	if len(id) == 0 && c.scope.inContained {
		at, ok = c.scope.root, true
	}
	if !ok {
		return "", "leads nowhere: no contained resource has the id", CodeNotFound
	}
	if t := c.defs.resource(c.doc.memberText(at, "resourceType")); t != nil {
		return t.name, "", ""
	}
	return "", "", ""
}

// checkContainedUse finds contained resources that nothing in the resource refers to, or
// that have the id of another one. Every string that is # and the id counts as a
// reference, in any element.
func (c *checker) checkContainedUse() {
	s := c.scope
	if len(s.containedNodes) == 0 {
		return
	}
	referred := map[string]bool{}
	d := c.doc
	for i, end := s.root, d.next(s.root); i < end; i++ {
		if n := &d.nodes[i]; n.kind == kindString && n.end > n.start && (d.src[n.start] == '#' || n.escaped) {
			if text := d.text(i); text[0] == '#' {
				referred[string(text[1:])] = true
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range s.containedNodes {
		if d.nodes[r].kind != kindObject {
			continue
		}
		id := d.memberText(r, "id")
		if len(id) == 0 {
			c.addIssueAt(r, ".id", CodeRequired, "is required: a contained resource is referred to by it")
			continue
		}
		if seen[string(id)] {
			c.addIssueAt(r, ".id", CodeStructure,
				"is the id of an earlier contained resource, too: give each its own, "+
					"so that it is clear where a reference leads")
			continue
		}
		seen[string(id)] = true
		if !referred[string(id)] && !referred[""] {
			c.addViolation(r, "dom-3", "is contained, but nothing in the resource refers to it")
		}
	}
}

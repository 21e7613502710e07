package fhir

import (
	"strconv"
	"strings"
)

// path returns the location of a node. It is computed from the root, and only for an
// issue, so that the checks do not have to keep track of it.
func (d *document) path(i uint32) string {
	nodes := []uint32{0}
	for at := uint32(0); at != i; {
		found := false
		for c := range d.children(at) {
			if c <= i && i < d.next(c) {
				at, found = c, true
				nodes = append(nodes, c)
				break
			}
		}
		if !found {
			break
		}
	}
	return d.pathString(nodes)
}

// pathString formats the nodes from the root as FHIRPath does, after the type of the
// resource. The underscore of a primitive's extensions is left out, since it exists
// only in JSON.
func (d *document) pathString(nodes []uint32) string {
	if len(nodes) == 0 || len(d.nodes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Resource")
	if name, ok := safeName(d.memberText(0, "resourceType")); ok && isUpper(name[0]) {
		b.Reset()
		b.WriteString(name)
	}
	for k := 1; k < len(nodes); k++ {
		if d.nodes[nodes[k-1]].kind == kindArray {
			n := 0
			for c := range d.children(nodes[k-1]) {
				if c == nodes[k] {
					break
				}
				n++
			}
			b.WriteString("[" + strconv.Itoa(n) + "]")
			continue
		}
		name, ok := safeName(d.name(nodes[k]))
		if !ok {
			name = "(unknown)"
		}
		b.WriteString("." + strings.TrimPrefix(name, "_"))
	}
	return b.String()
}

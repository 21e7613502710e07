package fhir

import (
	"iter"
	"strconv"
	"strings"
)

// next is the first node that is not inside i, also of one not read to its end.
func (d *document) next(i uint32) uint32 {
	if n := d.nodes[i].next; n != 0 {
		return n
	}
	return uint32(len(d.nodes))
}

// inside lists the members of an object or the items of an array.
func (d *document) children(i uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if k := d.nodes[i].kind; k != kindObject && k != kindArray {
			return
		}
		for c, end := i+1, d.next(i); c < end; c = d.next(c) {
			if !yield(c) {
				return
			}
		}
	}
}

// member is the member of an object that has the name.
func (d *document) member(i uint32, name string) (uint32, bool) {
	if d.nodes[i].kind != kindObject {
		return 0, false
	}
	for c, end := i+1, d.next(i); c < end; c = d.next(c) {
		if n := &d.nodes[c]; n.keyEscaped || int(n.keyEnd-n.key) == len(name) {
			if string(d.name(c)) == name {
				return c, true
			}
		}
	}
	return 0, false
}

// memberText is the text of a member that is a string.
func (d *document) memberText(i uint32, name string) []byte {
	if m, ok := d.member(i, name); ok {
		return d.text(m)
	}
	return nil
}

// path is the location of a node. It is worked out only for a fault, from the
// top, so that the check itself need not carry it along.
func (d *document) path(i uint32) string {
	way := []uint32{0}
	for at := uint32(0); at != i; {
		found := false
		for c := range d.children(at) {
			if c <= i && i < d.next(c) {
				at, found = c, true
				way = append(way, c)
				break
			}
		}
		if !found {
			break
		}
	}
	return d.pathString(way)
}

// pathOf writes a way from the top as FHIRPath would, after the type of the
// resource. A primitive's extensions stand in a member with an underscore, which
// is an affair of JSON, so it is left out.
func (d *document) pathString(way []uint32) string {
	if len(way) == 0 || len(d.nodes) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("Resource")
	if name, ok := safeName(d.memberText(0, "resourceType")); ok && isUpper(name[0]) {
		b.Reset()
		b.WriteString(name)
	}
	for k := 1; k < len(way); k++ {
		if d.nodes[way[k-1]].kind == kindArray {
			n := 0
			for c := range d.children(way[k-1]) {
				if c == way[k] {
					break
				}
				n++
			}
			b.WriteString("[" + strconv.Itoa(n) + "]")
			continue
		}
		name, ok := safeName(d.name(way[k]))
		if !ok {
			name = "(unknown)"
		}
		b.WriteString("." + strings.TrimPrefix(name, "_"))
	}
	return b.String()
}

// entries lists the entries of the Bundle that the document is.
func (d *document) entries() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		list, ok := d.member(0, "entry")
		if !ok || d.nodes[list].kind != kindArray {
			return
		}
		for e := range d.children(list) {
			if d.nodes[e].kind == kindObject && !yield(e) {
				return
			}
		}
	}
}

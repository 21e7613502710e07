package fhir

import (
	"cmp"
	"slices"
)

// edits are changes to a body that leave every other byte as it was given.
type edits struct {
	doc  *document
	list []edit
}

type edit struct {
	start, end uint32
	text       string
}

// valueStart and valueEnd return the range of a value in the text, with the quotes of a
// string.
func (d *document) valueStart(i uint32) uint32 {
	if n := &d.nodes[i]; n.kind != kindString {
		return n.start
	}
	return d.nodes[i].start - 1
}

func (d *document) valueEnd(i uint32) uint32 {
	if n := &d.nodes[i]; n.kind != kindString {
		return n.end
	}
	return d.nodes[i].end + 1
}

// replace replaces a value by another JSON value.
func (e *edits) replace(i uint32, with string) {
	e.list = append(e.list, edit{e.doc.valueStart(i), e.doc.valueEnd(i), with})
}

// insertFirst inserts members before the members of an object, which must not be empty.
func (e *edits) insertFirst(object uint32, members string) {
	at := e.doc.nodes[object].start + 1
	e.list = append(e.list, edit{at, at, members + ","})
}

// insertAfter inserts members after a member.
func (e *edits) insertAfter(member uint32, members string) {
	at := e.doc.valueEnd(member)
	e.list = append(e.list, edit{at, at, "," + members})
}

// remove removes members of an object, each with one comma.
func (e *edits) remove(object uint32, names ...string) {
	d := e.doc
	kept := false
	before := uint32(0) // the end of the previous member
	for m := range d.children(object) {
		end := d.valueEnd(m)
		switch {
		case !slices.Contains(names, string(d.name(m))):
			kept = true
		case kept:
			e.list = append(e.list, edit{before, end, ""})
		case d.next(m) < d.next(object):
			e.list = append(e.list, edit{d.nodes[m].key - 1, d.nodes[d.next(m)].key - 1, ""})
		default:
			e.list = append(e.list, edit{d.nodes[m].key - 1, end, ""})
		}
		before = end
	}
}

// apply returns the body with the changes. Of changes that overlap, the one that starts
// first wins.
func (e *edits) apply() []byte {
	slices.SortStableFunc(e.list, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	out := make([]byte, 0, len(e.doc.src)+64*len(e.list))
	at := uint32(0)
	for _, x := range e.list {
		if x.start < at {
			continue // inside a part that was removed
		}
		out = append(out, e.doc.src[at:x.start]...)
		out = append(out, x.text...)
		at = x.end
	}
	return append(out, e.doc.src[at:]...)
}

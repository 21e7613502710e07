package fhir

import (
	"iter"
	"sync"
)

// A document is a body and the tree of its JSON values. The tree is flat: the nodes are
// in the order of the text, each followed by its descendants, so that parsing is one
// pass over the bytes and a check is one pass over the nodes. Nodes hold offsets into
// the text, not copies.
type document struct {
	src   []byte
	nodes []node
	// open is the path to the value at which parsing ended with an error.
	open []uint32
	// duplicates are the members that have the name of an earlier member of their object.
	// Names that differ only in case count as the same: FHIR has no such pairs, and some
	// parsers ignore case and use the last member.
	duplicates []uint32
}

// kind is the type of a JSON value.
type kind uint8

const (
	kindNull kind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

// noun returns the kind as it appears in the text of an issue.
func (k kind) noun() string {
	return [...]string{"null", "a boolean", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// A node is one value. The range of a string excludes its quotes.
type node struct {
	start, end  uint32 // of the value, in the text
	key, keyEnd uint32 // of the member's name; 0, 0 in an array
	next        uint32 // the first node that is not a descendant
	hash        uint32 // of the member's name
	kind        kind
	escaped     bool // the string has escapes
	keyEscaped  bool
}

// nodePool reuses trees, which are large and short-lived.
var nodePool = sync.Pool{New: func() any { return new([]node) }}

// close returns the tree to the pool. The document must not be used afterwards.
func (d *document) close() {
	if cap(d.nodes) <= maxValues/8 {
		nodes := d.nodes
		nodePool.Put(&nodes)
	}
	d.nodes = nil
}

// next returns the first node that is not a descendant of i, also if parsing ended
// inside i.
func (d *document) next(i uint32) uint32 {
	if n := d.nodes[i].next; n != 0 {
		return n
	}
	return uint32(len(d.nodes))
}

// children lists the members of an object or the items of an array.
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

// member returns the member of an object with a name.
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

// memberText returns the text of a member that is a string, or nil.
func (d *document) memberText(i uint32, name string) []byte {
	if m, ok := d.member(i, name); ok {
		return d.text(m)
	}
	return nil
}

// entries lists the entries of a document that is a Bundle.
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

// text returns the content of a string, or nil for other values. It must not be
// modified.
func (d *document) text(i uint32) []byte {
	n := &d.nodes[i]
	if n.kind != kindString {
		return nil
	}
	if n.escaped {
		return unescape(d.src[n.start:n.end])
	}
	return d.src[n.start:n.end]
}

// raw returns the source text of a value, without the quotes of a string.
func (d *document) raw(i uint32) []byte {
	return d.src[d.nodes[i].start:d.nodes[i].end]
}

// name returns the name of a member.
func (d *document) name(i uint32) []byte {
	n := &d.nodes[i]
	if n.keyEscaped {
		return unescape(d.src[n.key:n.keyEnd])
	}
	return d.src[n.key:n.keyEnd]
}

package fhir

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// An invariant is a constraint of the definitions, written as a Go function: the few
// dozen that matter in practice do not need an interpreter for FHIRPath. The
// definitions say which types have it.
type invariant struct {
	// key is the definitions' key. If STU3 uses one key for several invariants, @ and a
	// type follow it.
	key string
	// element is the element at which a violation is reported, "" for the whole object.
	element string
	text    string // of the issue
	// holds is also called for malformed elements, and ignores what it cannot read.
	holds func(view) bool
}

// checkInvariants checks the invariants of a type.
func (c *checker) checkInvariants(i uint32, t *typeDef) {
	for _, r := range t.invariants {
		if r.holds(view{c, i}) {
			continue
		}
		at, suffix := i, ""
		if r.element != "" {
			if m, ok := (view{c, i}).find(r.element); ok {
				at = m
			} else {
				suffix = "." + r.element
			}
		}
		before := len(c.found.Issues)
		c.addIssueAt(at, suffix, CodeInvariant, r.text)
		if len(c.found.Issues) > before {
			c.found.Issues[before].Key, _, _ = strings.Cut(r.key, "@")
		}
	}
}

// A view gives an invariant access to an element.
type view struct {
	c *checker
	i uint32
}

// find returns a member. If a primitive has no value, it returns the member with its
// extensions.
func (v view) find(name string) (uint32, bool) {
	if m, ok := v.c.doc.member(v.i, name); ok {
		return m, ok
	}
	return v.c.doc.member(v.i, "_"+name)
}

func (v view) has(name string) bool {
	_, ok := v.find(name)
	return ok
}

func (v view) hasAny(names ...string) bool {
	return slices.ContainsFunc(names, v.has)
}

// count returns how many of the elements are present.
func (v view) count(names ...string) (n int) {
	for _, name := range names {
		if v.has(name) {
			n++
		}
	}
	return n
}

// choice returns the member of a choice such as value[x], and its type.
func (v view) choice(name string) (member view, suffix string, ok bool) {
	for m := range v.c.doc.children(v.i) {
		full := bytes.TrimPrefix(v.c.doc.name(m), []byte("_"))
		if len(full) > len(name) && string(full[:len(name)]) == name && isUpper(full[len(name)]) {
			return view{v.c, m}, string(full[len(name):]), true
		}
	}
	return view{}, "", false
}

func (v view) hasChoice(name string) bool {
	_, _, ok := v.choice(name)
	return ok
}

// text returns the text of a member, or "".
func (v view) text(name string) string {
	return string(v.c.doc.memberText(v.i, name))
}

// is reports whether a member is one of some codes.
func (v view) is(name string, codes ...string) bool {
	return slices.Contains(codes, v.text(name))
}

// isTrue reports whether a member is true.
func (v view) isTrue(name string) bool {
	m, ok := v.c.doc.member(v.i, name)
	return ok && v.c.doc.nodes[m].kind == kindTrue
}

// number returns a member that is a number. Decimals that have the same float64 count
// as equal.
func (v view) number(name string) (n float64, ok bool) {
	m, ok := v.c.doc.member(v.i, name)
	if !ok || v.c.doc.nodes[m].kind != kindNumber {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(v.c.doc.raw(m)), 64)
	return n, err == nil
}

// dateTime returns a member that is a date or time.
func (v view) dateTime(name string) (dateTime, bool) {
	return parseDateTime(v.c.doc.memberText(v.i, name))
}

// child returns a member that is an object.
func (v view) child(name string) (view, bool) {
	m, ok := v.c.doc.member(v.i, name)
	return view{v.c, m}, ok && v.c.doc.nodes[m].kind == kindObject
}

// each lists the items of a member.
func (v view) each(name string) iter.Seq[view] {
	return func(yield func(view) bool) {
		m, ok := v.c.doc.member(v.i, name)
		if !ok {
			return
		}
		for item := range v.c.doc.children(m) {
			if !yield(view{v.c, item}) {
				return
			}
		}
	}
}

// descendants lists every element with a name, at any depth.
func (v view) descendants(name string) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		d := v.c.doc
		for i, end := v.i+1, d.next(v.i); i < end; i++ {
			if string(d.name(i)) == name && !yield(i) {
				return
			}
		}
	}
}

package fhir

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// A rule is an invariant of the definitions, by the key that they know it by.
// The table says which types have it; here it is written as a Go function, since
// the few dozen that stop real mistakes do not need an interpreter of FHIRPath.
type invariant struct {
	// key has @ and a type behind it where STU3 uses one key for several rules.
	key string
	// at is the element that is to blame, "" for the whole.
	element string
	text    string
	// holds is asked of well-formed and of broken elements alike: what it cannot
	// read, it lets pass.
	holds func(view) bool
}

// invariants asks the rules of a type.
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

// A view is an element as a rule looks at it.
type view struct {
	c *checker
	i uint32
}

// find is the member of an element, or else what accompanies it.
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

// count is how many of the elements are there.
func (v view) count(names ...string) (n int) {
	for _, name := range names {
		if v.has(name) {
			n++
		}
	}
	return n
}

// choice is the member that a choice such as value[x] has.
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

// text is the text of a member, "" if it has none.
func (v view) text(name string) string {
	return string(v.c.doc.memberText(v.i, name))
}

// is says whether a member is one of some codes.
func (v view) is(name string, codes ...string) bool {
	return slices.Contains(codes, v.text(name))
}

// isTrue says whether a member is true.
func (v view) isTrue(name string) bool {
	m, ok := v.c.doc.member(v.i, name)
	return ok && v.c.doc.nodes[m].kind == kindTrue
}

// number reads a member that is a number. Two decimals that differ too little
// for a float64 count as equal, which lets them pass.
func (v view) number(name string) (n float64, ok bool) {
	m, ok := v.c.doc.member(v.i, name)
	if !ok || v.c.doc.nodes[m].kind != kindNumber {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(v.c.doc.raw(m)), 64)
	return n, err == nil
}

// moment reads a member that is a date or time.
func (v view) dateTime(name string) (dateTime, bool) {
	return parseDateTime(v.c.doc.memberText(v.i, name))
}

// child is a member that is an object.
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

// below lists every element of the name, however deep.
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

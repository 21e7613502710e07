package fhir

import (
	"slices"
	"strings"
)

// decode reads the text that internal/gen writes. Its lines are
//
//	codes NAME SYSTEM CODE…      codes of a value set, from one system
//	type NAME BASE [resource|abstract]
//	 ELEMENT CARD TYPE…          an element of the type above
//	 ! KEY…                      the invariants of the type above
//
// A cardinality is ? (0..1), 1 (1..1), * (0..*), + (1..*) or 0 (not here, though
// the base has it). A type may be followed by > and what a Reference may refer
// to, or by : and the profile that narrows it. Last may come = and a value set,
// or % and the form of the codes.
//
// The text comes with the binary and is tested, so a line that is not understood
// is skipped, not an error. Nothing is copied: every name is a part of the text.
func decode(text string, rules []rule) *table {
	d := decoder{
		table: &table{types: make(map[string]*typeDef, 1024), codes: make(map[string]*codeList, 256)},
		bases: make(map[*typeDef]string, 1024),
		lines: make(map[*typeDef][]string, 1024),
		done:  make(map[*typeDef]bool, 1024),
		rules: make(map[string]*rule, len(rules)),
	}
	for i := range rules {
		d.rules[rules[i].key] = &rules[i]
	}
	var at *typeDef
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "codes "):
			d.addCodes(line)
		case strings.HasPrefix(line, "type "):
			at = d.addType(line)
		case strings.HasPrefix(line, " ") && at != nil:
			d.lines[at] = append(d.lines[at], line[1:])
		}
	}
	for _, t := range d.table.types {
		d.complete(t)
	}
	return d.table
}

type decoder struct {
	table *table
	bases map[*typeDef]string
	lines map[*typeDef][]string
	done  map[*typeDef]bool
	rules map[string]*rule
}

func (d *decoder) addCodes(line string) {
	f := strings.Split(line, " ")
	if len(f) < 4 {
		return
	}
	l := d.table.codes[f[1]]
	if l == nil {
		l = &codeList{name: f[1]}
		d.table.codes[f[1]] = l
	}
	l.systems = append(l.systems, systemCodes{f[2], f[3:]})
	if len(l.systems) == 1 {
		l.all = f[3:]
		return
	}
	l.all = slices.Concat(l.all, f[3:])
	slices.Sort(l.all)
}

func (d *decoder) addType(line string) *typeDef {
	f := strings.Fields(line)
	if len(f) < 3 {
		return nil
	}
	t := &typeDef{name: f[1], resource: len(f) > 3 && f[3] == "resource"}
	switch t.name {
	case "Reference":
		t.special = isReference
	case "Extension":
		t.special = isExtension
	case "Bundle":
		t.special = isBundle
	case "Narrative":
		t.special = isNarrative
	case "Element":
		t.special = isElement
	}
	d.table.types[t.name] = t
	d.bases[t] = f[2]
	return t
}

// complete works out a type, after the one that it builds upon.
func (d *decoder) complete(t *typeDef) {
	if d.done[t] {
		return
	}
	d.done[t] = true
	if base := d.table.types[d.bases[t]]; base != nil {
		d.complete(base)
		t.elements = slices.Clone(base.elements)
		t.props = slices.Clone(base.props)
		t.rules = slices.Clone(base.rules)
	}
	for _, line := range d.lines[t] {
		f := strings.Split(line, " ")
		if f[0] != "!" {
			d.addElement(t, f)
			continue
		}
		for _, key := range f[1:] {
			if r := d.rules[key]; r != nil && !slices.Contains(t.rules, r) {
				t.rules = append(t.rules, r)
			}
		}
	}
	for i, e := range t.elements {
		if e.index != i { // a base element that another type holds at another place
			c := *e
			c.index = i
			t.elements[i] = &c
			for k := range t.props {
				if t.props[k].element == e {
					t.props[k].element = &c
				}
			}
		}
	}
	slices.SortFunc(t.props, func(a, b prop) int { return strings.Compare(a.name, b.name) })
}

func (d *decoder) addElement(t *typeDef, f []string) {
	if len(f) < 3 {
		return
	}
	name, choice := strings.CutSuffix(f[0], "[x]")
	card := f[1]
	// An element that the base has, too, takes its place.
	t.elements = slices.DeleteFunc(t.elements, func(e *element) bool { return e.name == name })
	t.props = slices.DeleteFunc(t.props, func(p prop) bool { return p.element.name == name })
	if card == "0" {
		return
	}
	e := &element{index: len(t.elements), name: name, choice: choice,
		required: card == "1" || card == "+", many: card == "*" || card == "+"}
	t.elements = append(t.elements, e)
	for _, typ := range f[2:] {
		switch {
		case typ[0] == '=':
			e.codes = d.table.codes[typ[1:]]
			if l, ok := strings.CutPrefix(typ, "=%"); ok {
				e.form = map[string]form{"mime": formMIME, "language": formLanguage}[l]
			}
		default:
			d.addProp(t, e, typ)
		}
	}
}

func (d *decoder) addProp(t *typeDef, e *element, typ string) {
	typ, to, limited := strings.Cut(typ, ">")
	suffix, profile, narrowed := strings.Cut(typ, ":")
	p := prop{name: e.name, element: e, primitive: primitives[suffix]}
	if limited {
		p.targets = strings.Split(to, ",")
	}
	if narrowed {
		typ = profile
	}
	if p.primitive == primNone {
		p.anything = typ == "Resource"
		p.typ = d.table.types[typ]
	}
	if e.choice {
		p.name = e.name + strings.ToUpper(suffix[:1]) + suffix[1:]
		e.alts = append(e.alts, p.name)
	}
	t.props = append(t.props, p)
}

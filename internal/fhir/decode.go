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
// or =% and the form of the codes.
//
// Here only the beginnings of types and value sets are found; each is read when
// it is first asked for. Nothing is copied: names are parts of the text. The text
// comes with the binary and is tested, so a line that is not understood is
// skipped, not an error.
func decode(text string, rules []rule) *table {
	t := &table{
		types: make(map[string]*typeDef, 512),
		codes: make(map[string]*codeList, 256),
		rules: make(map[string]*rule, len(rules)),
	}
	for i := range rules {
		t.rules[rules[i].key] = &rules[i]
	}
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		switch {
		case strings.HasPrefix(line, "codes "):
			t.addCodes(line)
		case strings.HasPrefix(line, "type "):
			n := elementLines(rest)
			t.addType(line, rest[:n])
			rest = rest[n:]
		}
		text = rest
	}
	return t
}

// elementLines is the length of the lines before the next type.
func elementLines(s string) int {
	if n := strings.Index(s, "\ntype "); n >= 0 && strings.HasPrefix(s, " ") {
		return n + 1
	} else if strings.HasPrefix(s, " ") {
		return len(s)
	}
	return 0
}

func (t *table) addCodes(line string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(line, "codes "), " ")
	l := t.codes[name]
	if l == nil {
		l = &codeList{name: name}
		t.codes[name] = l
	}
	l.lines = append(l.lines, rest)
}

// read reads the codes.
func (l *codeList) read() {
	for _, line := range l.lines {
		system, codes, _ := strings.Cut(line, " ")
		l.systems = append(l.systems, systemCodes{system, strings.Split(codes, " ")})
	}
	if len(l.systems) == 1 {
		l.all = l.systems[0].codes
		return
	}
	for _, s := range l.systems {
		l.all = append(l.all, s.codes...)
	}
	slices.Sort(l.all)
}

func (t *table) addType(line, elements string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(line, "type "), " ")
	base, mark, _ := strings.Cut(rest, " ")
	d := &typeDef{name: name, resource: mark == "resource", table: t, base: base, lines: elements}
	switch name {
	case "Reference":
		d.special = isReference
	case "Bundle":
		d.special = isBundle
	case "Element":
		d.special = isElement
	}
	t.types[name] = d
}

// read works out a type, after the one that it builds upon.
func (d *typeDef) read() {
	if base := d.table.types[d.base]; base != nil {
		base.ready()
		d.elements = slices.Clone(base.elements)
		d.props = slices.Clone(base.props)
		d.rules = slices.Clone(base.rules)
	}
	for line := range strings.Lines(d.lines) {
		name, rest, _ := strings.Cut(strings.Trim(line, " \n"), " ")
		if name != "!" {
			d.addElement(name, rest)
			continue
		}
		for key := range strings.SplitSeq(rest, " ") {
			if r := d.table.rules[key]; r != nil && !slices.Contains(d.rules, r) {
				d.rules = append(d.rules, r)
			}
		}
	}
	for i, e := range d.elements {
		if e.index != i { // it is the base's, where it has another place
			c := *e
			c.index = i
			d.elements[i] = &c
			for k := range d.props {
				if d.props[k].element == e {
					d.props[k].element = &c
				}
			}
		}
	}
	slices.SortFunc(d.props, func(a, b prop) int { return strings.Compare(a.name, b.name) })
}

func (d *typeDef) addElement(name, rest string) {
	name, choice := strings.CutSuffix(name, "[x]")
	card, types, _ := strings.Cut(rest, " ")
	// An element that the base has, too, takes its place.
	d.elements = slices.DeleteFunc(d.elements, func(e *element) bool { return e.name == name })
	d.props = slices.DeleteFunc(d.props, func(p prop) bool { return p.element.name == name })
	if card == "0" {
		return
	}
	e := &element{index: len(d.elements), name: name, choice: choice,
		required: card == "1" || card == "+", many: card == "*" || card == "+"}
	d.elements = append(d.elements, e)
	for typ := range strings.SplitSeq(types, " ") {
		switch list, bound := strings.CutPrefix(typ, "="); {
		case list == "%mime":
			e.form = formMIME
		case list == "%language":
			e.form = formLanguage
		case bound:
			e.codes = d.table.codes[list]
		default:
			d.addProp(e, typ)
		}
	}
}

func (d *typeDef) addProp(e *element, typ string) {
	typ, to, limited := strings.Cut(typ, ">")
	suffix, profile, narrowed := strings.Cut(typ, ":")
	p := prop{name: e.name, element: e, primitive: primitiveOf(suffix)}
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
	if e.choice && suffix != "" {
		p.name = e.name + strings.ToUpper(suffix[:1]) + suffix[1:]
		e.alts = append(e.alts, p.name)
	}
	d.props = append(d.props, p)
}

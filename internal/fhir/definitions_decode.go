package fhir

import (
	"slices"
	"strings"
)

// decodeDefinitions decodes the table that internal/gen writes. Its lines are
//
//	codes NAME SYSTEM CODE…             codes of a value set, from one system
//	type NAME BASE [resource|abstract]  a type and its base type
//	 ELEMENT CARD TYPE…                 an element of the type above
//	 ! KEY…                             the invariants of the type above
//
// A cardinality is ? (0..1), 1 (1..1), * (0..*), + (1..*) or 0 (the element of the base
// type is absent). A type may be followed by > and the types that a Reference may refer
// to, or by : and the profile that constrains it. The last item may be = and a value
// set, or =% and the format of the codes.
//
// The function only finds where types and value sets begin; the rest is decoded on first
// use. Names are substrings of the text. Unknown lines are skipped without an error,
// since the text is embedded and tested.
func decodeDefinitions(text string, invariants []invariant) *definitions {
	t := &definitions{
		types:      make(map[string]*typeDef, 512),
		valueSets:  make(map[string]*valueSet, 256),
		invariants: make(map[string]*invariant, len(invariants)),
	}
	for i := range invariants {
		t.invariants[invariants[i].key] = &invariants[i]
	}
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		switch {
		case strings.HasPrefix(line, "codes "):
			t.addValueSet(line)
		case strings.HasPrefix(line, "type "):
			n := elementLines(rest)
			t.addType(line, rest[:n])
			rest = rest[n:]
		}
		text = rest
	}
	return t
}

// elementLines returns the length of the lines that belong to a type. s begins after the
// line of the type.
func elementLines(s string) int {
	if n := strings.Index(s, "\ntype "); n >= 0 && strings.HasPrefix(s, " ") {
		return n + 1
	} else if strings.HasPrefix(s, " ") {
		return len(s)
	}
	return 0
}

func (t *definitions) addValueSet(line string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(line, "codes "), " ")
	l := t.valueSets[name]
	if l == nil {
		l = &valueSet{name: name}
		t.valueSets[name] = l
	}
	l.lines = append(l.lines, rest)
}

// load reads the codes.
func (l *valueSet) load() {
	for _, line := range l.lines {
		system, codes, _ := strings.Cut(line, " ")
		l.systems = append(l.systems, systemCodes{system, strings.Split(codes, " ")})
	}
	if len(l.systems) == 1 {
		l.codes = l.systems[0].codes
		return
	}
	for _, s := range l.systems {
		l.codes = append(l.codes, s.codes...)
	}
	slices.Sort(l.codes)
}

func (t *definitions) addType(line, elements string) {
	name, rest, _ := strings.Cut(strings.TrimPrefix(line, "type "), " ")
	base, mark, _ := strings.Cut(rest, " ")
	d := &typeDef{name: name, resource: mark == "resource", defs: t, base: base, lines: elements}
	switch name {
	case "Reference":
		d.kind = typeReference
	case "Bundle":
		d.kind = typeBundle
	case "Element":
		d.kind = typeElement
	case "ElementDefinition":
		d.kind = typeElementDefinition
	}
	t.types[name] = d
}

// load reads the elements of a type after those of its base type.
func (d *typeDef) load() {
	if base := d.defs.types[d.base]; base != nil {
		base.loaded()
		d.elements = slices.Clone(base.elements)
		d.properties = slices.Clone(base.properties)
		d.invariants = slices.Clone(base.invariants)
	}
	for line := range strings.Lines(d.lines) {
		name, rest, _ := strings.Cut(strings.Trim(line, " \n"), " ")
		if name != "!" {
			d.addElement(name, rest)
			continue
		}
		for key := range strings.SplitSeq(rest, " ") {
			if r := d.defs.invariants[key]; r != nil && !slices.Contains(d.invariants, r) {
				d.invariants = append(d.invariants, r)
			}
		}
	}
	for i, e := range d.elements {
		if e.index != i { // the element is shared with the base type, where it has another position
			c := *e
			c.index = i
			d.elements[i] = &c
			for k := range d.properties {
				if d.properties[k].element == e {
					d.properties[k].element = &c
				}
			}
		}
	}
	slices.SortFunc(d.properties, func(a, b property) int { return strings.Compare(a.name, b.name) })
}

func (d *typeDef) addElement(name, rest string) {
	name, choice := strings.CutSuffix(name, "[x]")
	card, types, _ := strings.Cut(rest, " ")
	// An element replaces the base type's element with the same name.
	d.elements = slices.DeleteFunc(d.elements, func(e *elementDef) bool { return e.name == name })
	d.properties = slices.DeleteFunc(d.properties, func(p property) bool { return p.element.name == name })
	if card == "0" {
		return
	}
	e := &elementDef{
		index:    len(d.elements),
		name:     name,
		choice:   choice,
		required: card == "1" || card == "+",
		repeats:  card == "*" || card == "+",
	}
	d.elements = append(d.elements, e)
	for typ := range strings.SplitSeq(types, " ") {
		switch list, bound := strings.CutPrefix(typ, "="); {
		case list == "%mime" && name == "contentType":
			e.codeFormat = formatMediaType
		case list == "%mime":
			e.codeFormat = formatMIME
		case list == "%language":
			e.codeFormat = formatLanguage
		case bound:
			e.valueSet = d.defs.valueSets[list]
		default:
			d.addProperty(e, typ)
		}
	}
}

func (d *typeDef) addProperty(e *elementDef, typ string) {
	typ, to, limited := strings.Cut(typ, ">")
	suffix, profile, narrowed := strings.Cut(typ, ":")
	p := property{name: e.name, element: e, primitive: primitiveOf(suffix)}
	if limited {
		p.targets = strings.Split(to, ",")
	}
	if narrowed {
		typ = profile
	}
	if p.primitive == primNone {
		p.anyResource = typ == "Resource"
		p.typ = d.defs.types[typ]
	}
	if e.choice && suffix != "" {
		p.name = e.name + strings.ToUpper(suffix[:1]) + suffix[1:]
		e.choices = append(e.choices, p.name)
	}
	d.properties = append(d.properties, p)
}

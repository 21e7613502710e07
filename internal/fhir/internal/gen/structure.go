package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// simpleQuantity is the one profile that is used as a type: a Quantity without
// comparator.
const simpleQuantity = "SimpleQuantity"

// writeStructure writes a structure and the unnamed types of its elements.
func (d *definitions) writeStructure(out *bytes.Buffer, s *structure, valueSets map[string]bool) error {
	elements := s.Snapshot.Element
	if s.ID == simpleQuantity {
		// The profile's snapshot repeats Quantity except for the element that it
		// removes.
		fmt.Fprintf(out, "type %s Quantity\n comparator 0 code\n", s.ID)
		return nil
	}
	for i, e := range elements {
		// The root and every element with children is a type.
		if i > 0 && !(i+1 < len(elements) && strings.HasPrefix(elements[i+1].Path, e.Path+".")) {
			continue
		}
		base := path.Base(s.BaseDefinition)
		if i > 0 {
			base = e.Type[0].Code
		}
		if base == "." {
			base = "-"
		}
		mark := ""
		if i == 0 && s.Kind == "resource" {
			mark = " resource"
			if s.Abstract {
				mark = " abstract"
			}
		}
		fmt.Fprintf(out, "type %s %s%s\n", e.Path, base, mark)
		for _, child := range elements[i+1:] {
			name, ok := strings.CutPrefix(child.Path, e.Path+".")
			if !ok || strings.Contains(name, ".") || inherited(child, s.ID) {
				continue
			}
			line, err := d.elementLine(name, child, valueSets)
			if err != nil {
				return fmt.Errorf("%s: %w", child.Path, err)
			}
			fmt.Fprintf(out, " %s\n", line)
		}
		if keys := d.invariantKeys(e, elements, i); len(keys) > 0 {
			fmt.Fprintf(out, " ! %s\n", strings.Join(keys, " "))
		}
	}
	return nil
}

// inherited reports whether an element is one of the base type.
func inherited(e *element, id string) bool {
	return e.Base != nil && e.Base.Path != e.Path && !strings.HasPrefix(e.Base.Path, id+".")
}

// invariantKeys returns the keys of a type's invariants: its own, and those of its
// children that are not types. If the definitions use a key for several expressions,
// the type is appended to it.
func (d *definitions) invariantKeys(e *element, elements []*element, i int) (keys []string) {
	add := func(from *element) {
		for _, c := range from.Constraint {
			key := c.Key
			if len(d.invariants[key]) > 1 {
				key += "@" + from.Path
			}
			if key != "ele-1" && c.Severity == "error" && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	add(e)
	for j, child := range elements[i+1:] {
		name, ok := strings.CutPrefix(child.Path, e.Path+".")
		next := i + 1 + j + 1
		hasChildren := next < len(elements) && strings.HasPrefix(elements[next].Path, child.Path+".")
		if ok && !strings.Contains(name, ".") && !hasChildren {
			add(child)
		}
	}
	return keys
}

// elementLine formats a name, a cardinality and the types.
func (d *definitions) elementLine(name string, e *element, valueSets map[string]bool) (string, error) {
	card, ok := map[string]string{"0..0": "0", "0..1": "?", "1..1": "1", "0..*": "*",
		"1..*": "+"}[fmt.Sprintf("%d..%s", e.Min, e.Max)]
	if !ok {
		return "", fmt.Errorf("cardinality %d..%s is not one of the table's", e.Min, e.Max)
	}
	line := name + " " + card
	if ref, ok := strings.CutPrefix(e.ContentReference, "#"); ok {
		return line + " " + ref, nil
	}
	types, err := elementTypes(e)
	if err != nil {
		return "", err
	}
	for _, t := range types {
		if t == "BackboneElement" || t == "Element" {
			t = e.Path
		}
		line += " " + t
	}
	if b := d.binding(e); b != "" {
		line += " =" + valueSetName(b)
		valueSets[b] = true
	}
	return line, nil
}

// elementTypes returns the types of an element, each followed by the targets of a
// Reference.
func elementTypes(e *element) (names []string, err error) {
	targets := map[string][]string{}
	for _, t := range e.Type {
		name := t.Code
		if strings.HasPrefix(name, "http://hl7.org/fhirpath/") || name == "" {
			name = "string"
		}
		profiles, err := oneOrMany(t.Profile)
		if err != nil {
			return nil, err
		}
		if slices.Contains(profiles, simpleQuantity) {
			name += ":" + simpleQuantity
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		of, err := oneOrMany(t.TargetProfile)
		if err != nil {
			return nil, err
		}
		if name == "Reference" && len(of) == 0 {
			of = []string{"Resource"}
		}
		targets[name] = append(targets[name], of...)
	}
	for i, name := range names {
		if of := targets[name]; len(of) > 0 && !slices.Contains(of, "Resource") {
			slices.Sort(of)
			names[i] += ">" + strings.Join(slices.Compact(of), ",")
		}
	}
	return names, nil
}

// oneOrMany returns the last segments of one URL or of a list of URLs.
func oneOrMany(raw json.RawMessage) (names []string, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var many []string
	if raw[0] != '[' {
		raw = slices.Concat([]byte("["), raw, []byte("]"))
	}
	if err := json.Unmarshal(raw, &many); err != nil {
		return nil, err
	}
	for _, u := range many {
		names = append(names, path.Base(u))
	}
	return names, nil
}

// codeFormats has the formats of the codes of value sets that cannot be listed, by URL.
var codeFormats = map[string]string{
	"http://www.rfc-editor.org/bcp/bcp13.txt":            "%mime",
	"http://hl7.org/fhir/ValueSet/mimetypes":             "%mime",
	"http://hl7.org/fhir/ValueSet/all-languages":         "%language",
	"http://hl7.org/fhir/ValueSet/languages":             "%language",
	"http://build.fhir.org/valueset-request-intent.html": "", // a wrong link in the definitions
}

// maxValueSet is the extension of a binding that is not required, with a value set that
// codes must come from nevertheless.
const maxValueSet = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"

// binding returns the value set that the element's codes must come from, or "".
func (d *definitions) binding(e *element) string {
	b := e.Binding
	if b == nil {
		return ""
	}
	url := cmp.Or(b.ValueSetURI, b.ValueSet)
	if b.ValueSetReference != nil {
		url = b.ValueSetReference.Reference
	}
	if b.Strength != "required" {
		url = ""
		for _, x := range b.Extension {
			if x.URL == maxValueSet && x.ValueReference != nil {
				url = x.ValueReference.Reference
			}
		}
	}
	url, _, _ = strings.Cut(url, "|")
	if form, ok := codeFormats[url]; ok {
		return form
	}
	if _, ok := d.valueSets[url]; !ok {
		return ""
	}
	if _, err := d.expand(url); err != nil {
		return "" // for example SNOMED CT, whose codes are not in the definitions
	}
	return url
}

// valueSetName returns the name of a value set in the table. For those of the
// specification it is the last segment of the URL.
func valueSetName(url string) string {
	return strings.TrimPrefix(url, "http://hl7.org/fhir/ValueSet/")
}

package main

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// An expansion is the content of a value set: codes by system.
type expansion map[string]map[string]bool

// writeValueSets writes the value sets that elements are bound to, with a line for each
// code system.
func (d *definitions) writeValueSets(out *bytes.Buffer, valueSets map[string]bool) error {
	for _, url := range slices.Sorted(maps.Keys(valueSets)) {
		if strings.HasPrefix(url, "%") {
			continue
		}
		x, err := d.expand(url)
		if err != nil {
			return err
		}
		for _, system := range slices.Sorted(maps.Keys(x)) {
			codes := slices.Sorted(maps.Keys(x[system]))
			if i := slices.IndexFunc(codes, func(c string) bool { return strings.ContainsAny(c, " \t\n") }); i >= 0 {
				return fmt.Errorf("%s: a code with a space: %q", url, codes[i])
			}
			fmt.Fprintf(out, "codes %s %s %s\n", valueSetName(url), system, strings.Join(codes, " "))
		}
	}
	return nil
}

// expand returns the codes of a value set. It fails if the codes cannot be listed.
func (d *definitions) expand(url string) (expansion, error) {
	v, ok := d.valueSets[url]
	if !ok {
		return nil, fmt.Errorf("no value set %s", url)
	}
	x := expansion{}
	for _, in := range v.Compose.Include {
		codes, err := d.included(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		for system, set := range codes {
			if x[system] == nil {
				x[system] = map[string]bool{}
			}
			maps.Copy(x[system], set)
		}
	}
	for _, out := range v.Compose.Exclude {
		codes, err := d.included(out)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", url, err)
		}
		for system, set := range codes {
			maps.DeleteFunc(x[system], func(code string, _ bool) bool { return set[code] })
		}
	}
	if len(x) == 0 {
		return nil, fmt.Errorf("%s: the value set has no codes", url)
	}
	return x, nil
}

// included returns the codes of an include or an exclude of a value set.
func (d *definitions) included(in include) (expansion, error) {
	if len(in.ValueSet) > 0 {
		if in.System != "" || len(in.ValueSet) > 1 {
			return nil, fmt.Errorf("an intersection of value sets is not supported")
		}
		return d.expand(in.ValueSet[0])
	}
	set := map[string]bool{}
	if len(in.Concept) > 0 {
		for _, c := range in.Concept {
			set[c.Code] = true
		}
		return expansion{in.System: set}, nil
	}
	cs, ok := d.codeSystems[in.System]
	if !ok || cs.Content != "complete" {
		return nil, fmt.Errorf("code system %s is not among the definitions", in.System)
	}
	matches := func(*concept, []string) bool { return true }
	if len(in.Filter) > 0 {
		f := in.Filter[0]
		if len(in.Filter) > 1 || f.Op != "is-a" || f.Property != "concept" {
			return nil, fmt.Errorf("the filter %s %s is not supported", path.Base(f.Property), f.Op)
		}
		matches = func(c *concept, ancestors []string) bool {
			return c.Code == f.Value || slices.Contains(ancestors, f.Value)
		}
	}
	walk(cs.Concept, nil, parents(cs), func(c *concept, ancestors []string) {
		if matches(c, ancestors) {
			set[c.Code] = true
		}
	})
	return expansion{in.System: set}, nil
}

// parents returns the parents that concepts name by a property, as the v3 code systems
// do, in addition to the hierarchy.
func parents(cs *codeSystem) map[string][]string {
	parentsOf := map[string][]string{}
	walk(cs.Concept, nil, nil, func(c *concept, _ []string) {
		for _, p := range c.Property {
			if p.Code == "subsumedBy" || p.Code == "parent" {
				parentsOf[c.Code] = append(parentsOf[c.Code], p.ValueCode)
			}
		}
	})
	return parentsOf
}

// walk visits every concept with all its ancestors.
func walk(list []concept, ancestors []string, parentsOf map[string][]string, visit func(*concept, []string)) {
	for i := range list {
		c := &list[i]
		up := slices.Clone(ancestors)
		for todo := parentsOf[c.Code]; len(todo) > 0; todo = todo[1:] {
			if !slices.Contains(up, todo[0]) {
				up = append(up, todo[0])
				todo = append(slices.Clone(todo), parentsOf[todo[0]]...)
			}
		}
		visit(c, up)
		walk(c.Concept, append(slices.Clone(up), c.Code), parentsOf, visit)
	}
}

package fhir

import (
	_ "embed"
	"slices"
	"sync"
)

// It wants FHIR_DEFINITIONS, the folder with the definitions: see docs/fhir.md.
//
//go:generate go run ./internal/gen -out stu3.txt

// The facts of STU3, drawn from HL7's definitions (package hl7.fhir.core 3.0.1,
// CC0-1.0).
//
//go:embed stu3.txt
var stu3Text string

// stu3 is decoded when the first STU3 resource is checked: a process that
// checks none does not pay for it.
var stu3 = sync.OnceValue(func() *definitions { return decodeDefinitions(stu3Text, stu3Invariants()) })

// definitionsOf is the table of a version, nil if there is none.
func definitionsOf(v Version) *definitions {
	if v == STU3 {
		return stu3()
	}
	return nil
}

// A table is what a version of FHIR defines.
type definitions struct {
	types      map[string]*typeDef
	valueSets  map[string]*valueSet
	invariants map[string]*invariant // by key
}

// resource finds a type of resource that can be had, not an abstract one.
func (t *definitions) resource(name []byte) *typeDef {
	if d := t.types[string(name)]; d != nil && d.resource {
		return d
	}
	return nil
}

// A typeDef is a resource type, a data type, or the unnamed type of an element
// with elements of its own.
type typeDef struct {
	name     string
	resource bool
	// typeKind are the types that the engine knows by name.
	kind typeKind

	// What follows is read from the text once it is asked for: see ready.
	elements   []*elementDef // those of the base type first
	properties []property    // sorted by name
	invariants []*invariant

	once        sync.Once
	defs        *definitions
	base, lines string
}

// ready is the type, read.
func (d *typeDef) loaded() *typeDef {
	d.once.Do(d.load)
	return d
}

// special marks the few types whose meaning is more than their elements.
type typeKind uint8

const (
	typeOrdinary typeKind = iota
	typeReference
	typeBundle
	typeElement // what accompanies a primitive
)

// An element is a name in a type. A choice, such as value[x], is one element.
type elementDef struct {
	index      int
	name       string // without [x]
	required   bool
	repeats    bool
	choice     bool
	choices    []string // the JSON names of a choice
	valueSet   *valueSet
	codeFormat codeFormat // instead of codes, where they have no end
}

// A prop is an element as JSON names it: a choice has one for each type.
type property struct {
	name        string
	element     *elementDef
	primitive   primitive // primNone if it is of a complex type
	typ         *typeDef  // nil of primitives, and of any resource
	anyResource bool      // any resource
	targets     []string  // what a Reference may refer to; nil: anything
}

// prop finds the element that a member of JSON stands for.
func (d *typeDef) property(name []byte) *property {
	i, ok := slices.BinarySearchFunc(d.properties, name, func(p property, name []byte) int {
		// Comparing does not copy.
		switch {
		case p.name < string(name):
			return -1
		case p.name > string(name):
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &d.properties[i]
}

// A codeList is the value set of a required binding.
type valueSet struct {
	name string

	systems []systemCodes
	codes   []string // sorted

	once  sync.Once
	lines []string
}

// ready is the list, read.
func (l *valueSet) loaded() *valueSet {
	l.once.Do(l.load)
	return l
}

type systemCodes struct {
	system string
	codes  []string // sorted
}

// has says whether a code is in the list, of whatever system.
func (l *valueSet) has(code []byte) bool {
	return containsSorted(l.codes, code)
}

// hasOf says whether a system's code is in the list, and whether the list has
// codes of that system at all.
func (l *valueSet) hasOf(system, code []byte) (has, known bool) {
	for _, s := range l.systems {
		if s.system == string(system) {
			return containsSorted(s.codes, code), true
		}
	}
	return false, false
}

func containsSorted(sorted []string, word []byte) bool {
	_, ok := slices.BinarySearchFunc(sorted, word, func(s string, word []byte) int {
		switch {
		case s < string(word):
			return -1
		case s > string(word):
			return 1
		}
		return 0
	})
	return ok
}

// codeFormat is how codes look whose list has no end.
type codeFormat uint8

const (
	formatNone codeFormat = iota
	formatMIME
	formatLanguage
)

package fhir

import (
	_ "embed"
	"slices"
	"sync"
)

// The generator reads the definitions from the folder FHIR_DEFINITIONS: see docs/fhir.md.
//
//go:generate go run ./internal/gen -out stu3.txt

// stu3Text is the table of STU3, which is generated from HL7's definitions (package
// hl7.fhir.core 3.0.1, CC0-1.0).
//
//go:embed stu3.txt
var stu3Text string

// stu3 returns the definitions of STU3. Its first call decodes them, so that a process
// that checks no resource does not spend the time.
var stu3 = sync.OnceValue(func() *definitions { return decodeDefinitions(stu3Text, stu3Invariants()) })

// definitionsOf returns the definitions of a version, or nil if there are none.
func definitionsOf(v Version) *definitions {
	if v == STU3 {
		return stu3()
	}
	return nil
}

// definitions are the types, value sets and invariants of a version of FHIR.
type definitions struct {
	types      map[string]*typeDef
	valueSets  map[string]*valueSet
	invariants map[string]*invariant // by key
}

// resource returns the resource type with a name, or nil. An abstract type is not
// returned.
func (t *definitions) resource(name []byte) *typeDef {
	if d := t.types[string(name)]; d != nil && d.resource {
		return d
	}
	return nil
}

// A typeDef is a resource type, a data type, or the unnamed type of an element that has
// elements of its own.
type typeDef struct {
	name     string
	resource bool
	// kind marks the types that the checker knows by name.
	kind typeKind

	// The fields below are set by load; loaded returns a typeDef that has them.
	elements   []*elementDef // those of the base type first
	properties []property    // sorted by name
	invariants []*invariant

	once        sync.Once
	defs        *definitions
	base, lines string
}

// loaded returns the type with its elements.
func (d *typeDef) loaded() *typeDef {
	d.once.Do(d.load)
	return d
}

// A typeKind marks the few types with rules of their own.
type typeKind uint8

const (
	typeOrdinary typeKind = iota
	typeReference
	typeBundle
	typeElement // the id and extensions of a primitive
	typeElementDefinition
)

// An elementDef is an element of a type. A choice, such as value[x], is one element.
type elementDef struct {
	index      int
	name       string // without [x]
	required   bool
	repeats    bool
	choice     bool
	choices    []string // the JSON names of a choice
	valueSet   *valueSet
	codeFormat codeFormat // for a binding without a list of codes
}

// A property is an element under one of its names in JSON: a choice has a property for
// each of its types.
type property struct {
	name        string
	element     *elementDef
	primitive   primitive // primNone for a complex type
	typ         *typeDef  // nil for primitives, and for any resource
	anyResource bool      // any type of resource
	targets     []string  // types that a Reference may refer to; nil: any
}

// property returns the property with a name, or nil.
func (d *typeDef) property(name []byte) *property {
	i, ok := slices.BinarySearchFunc(d.properties, name, func(p property, name []byte) int {
		// The conversions in comparisons do not allocate.
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

// A valueSet is the value set of a required binding.
type valueSet struct {
	name string

	systems []systemCodes
	codes   []string // sorted

	once  sync.Once
	lines []string
}

// loaded returns the value set with its codes.
func (l *valueSet) loaded() *valueSet {
	l.once.Do(l.load)
	return l
}

// systemCodes are the codes of a value set that are from one system.
type systemCodes struct {
	system string
	codes  []string // sorted
}

// has reports whether a code of any system is in the value set.
func (l *valueSet) has(code []byte) bool {
	return containsSorted(l.codes, code)
}

// hasOf reports whether a code of a system is in the value set, and whether the value
// set has any codes of that system.
func (l *valueSet) hasOf(system, code []byte) (has, known bool) {
	for _, s := range l.systems {
		if s.system == string(system) {
			return containsSorted(s.codes, code), true
		}
	}
	return false, false
}

// containsSorted reports whether a sorted list contains a word.
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

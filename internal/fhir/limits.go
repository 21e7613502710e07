package fhir

// What a body may cost. A FHIR resource of a person stays far below these.
const (
	// MaxBody bounds a body, in bytes.
	MaxBody = 10 << 20
	// MaxDepth bounds how deep objects and arrays may stand in one another.
	MaxDepth = 64
	// maxValues bounds the values in a body, and with it the memory of a check.
	// The densest real Bundles have one in about twenty bytes.
	maxValues = 1 << 20
	// MaxIssues bounds the faults that are collected.
	MaxIssues = 50
	// maxString bounds a string (https://hl7.org/fhir/STU3/datatypes.html#string).
	maxString = 1 << 20
)

package fhir

// Limits on a body. Real resources are far below them.
const (
	// MaxBody is the maximum size of a body in bytes.
	MaxBody = 10 << 20
	// maxDepth is the maximum depth of nested objects and arrays.
	maxDepth = 64
	// maxValues is the maximum number of values in a body, which bounds the memory of a
	// check. The densest real Bundles have a value in about twenty bytes.
	maxValues = 1 << 20
	// maxIssues is the maximum number of issues that are listed.
	maxIssues = 50
	// maxString is the maximum size of a string
	// (https://hl7.org/fhir/STU3/datatypes.html#string).
	maxString = 1 << 20
)

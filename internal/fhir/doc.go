// Package fhir validates FHIR resources and Bundles in JSON, and prepares them to be
// sent to a care provider.
//
// [Validate] checks a body against the definitions of its FHIR version: the names,
// types and cardinalities of elements, the forms of primitives, the codes of required
// bindings, references, extensions, narratives, contained resources, Bundles, and the invariants
// in invariant_datatype.go and invariant_resource.go. [Prepare] also applies the rules
// for sending: no citizen service number (BSN) is sent, and the result is an
// interaction that a MedMij provider accepts.
//
// The code knows few types by name. The definitions of a version are a table that
// internal/gen writes from HL7's definitions and that is decoded on first use. There
// is one for STU3. For R4 only what holds for every version is checked, and the
// [Report] says so.
//
// The package promises three things. A body is not changed except by the edits that
// [Prepare] documents, so that decimals keep their digits. No input makes it panic or
// use unbounded time or memory. An [Issue] has no personal data: it names elements,
// types and the codes that are allowed, but it repeats no value.
package fhir

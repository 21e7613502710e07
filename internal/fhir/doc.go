// Package fhir says whether a FHIR resource or Bundle in JSON is well formed,
// and makes it ready to be sent to a care provider.
//
// [Validate] holds a body to the definitions of its version: names, types and
// cardinalities of elements, formats of primitives, codes of required bindings,
// references, extensions, contained resources, Bundles, and the invariants in
// the files invariant*.go. [Prepare] does that and then applies the rules for
// sending: no citizen service number (BSN) leaves, and what goes out is an
// interaction that a MedMij provider takes.
//
// The rules are one engine. What a version defines is a table of facts, drawn
// from HL7's definitions by internal/gen and decoded when it is first used.
// STU3 has one; of R4 only what holds without a table is checked, and the
// [Report] says so.
//
// Three promises: a body is never rewritten but for the edits that [Prepare]
// names, so decimals keep their digits; whatever the input, nothing panics and
// nothing grows without bound; and a [Issue] never repeats what may be personal.
// It names elements, types and the codes that would have been right, but no
// value, unless that has the form of a code.
package fhir

// Package provider reaches the providers that people connect: it answers
// [delivery.Providers].
//
// A [Set] knows the networks and hands each call to the one that the key names; the
// networks are in the sub-packages: medmij, and smart for plain FHIR servers. What they
// share stands here. A [Way] makes one request on one connection of its own and can
// say, when it fails, whether anything was sent at all. [Way.Post] delivers a resource
// over it and judges the answer, by the table in outcome.go.
//
// The one rule above all others: only what was surely not filed may be sent again. So
// nothing here repeats a request, follows a redirect or reuses a connection, and
// whatever is in doubt is [delivery.OutcomeUnknown].
//
// No error, reason or log line of these packages holds a token, a code, a secret or
// anything of a resource or of an answer's text.
package provider

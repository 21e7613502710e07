// Package provider sends resources to health-care providers. It implements
// [delivery.Providers].
//
// [Networks] passes each call to the network that the provider's key names. The
// networks are the sub-packages medmij, for MedMij's network, and smart, for FHIR
// servers that use SMART App Launch. Package provider holds what both need: [Client],
// an HTTP client that sends each request at most once and reports whether a failed
// request may have reached the server, and [Client.SendResource], which posts a resource
// and turns the response into an outcome. The table from status codes to outcomes is in
// response_outcome.go.
//
// A FHIR create has no idempotency key, so a request is sent again only if the
// provider certainly did not file the resource. Therefore no code in this package
// retries, follows a redirect or reuses a connection, and an outcome that is in doubt is
// [delivery.OutcomeUnknown].
//
// Errors, reasons and log records of these packages contain no token, authorization
// code or secret, and no part of a resource or of a response body.
package provider

// Package smart sends to plain FHIR servers, STU3 or R4, that protect themselves as
// SMART App Launch describes for an app that is started by itself: OAuth 2.0 with an
// authorization code, PKCE with S256, and the server's address as aud.
//
// The servers come from a file of the operator's, see [LoadServers]; docs/providers.md
// describes it.
package smart

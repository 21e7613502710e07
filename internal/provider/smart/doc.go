// Package smart sends resources to FHIR servers, STU3 or R4, that are protected as SMART
// App Launch describes for a standalone launch: OAuth 2.0 with an authorization code,
// PKCE with S256, and the server's address as aud.
//
// The servers come from the operator's file, which [LoadServers] reads and
// docs/providers.md describes. [Network] implements [delivery.Providers] for them.
package smart

// Package docs has the documents that the server serves: the description of the protocol, and the layout of the
// portability report.
package docs

import _ "embed"

// OpenAPI describes the protocol in OpenAPI 3.1, as JSON.
//
//go:embed openapi.json
var OpenAPI []byte

// PortabilityReport is the layout of the portability report, in XML Schema.
//
//go:embed portability-report.xsd
var PortabilityReport []byte

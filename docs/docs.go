// Package docs has the document that the server serves: the description of the protocol.
package docs

import _ "embed"

// OpenAPI describes the protocol in OpenAPI 3.1, as JSON.
//
//go:embed openapi.json
var OpenAPI []byte

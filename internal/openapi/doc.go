// Package openapi reads a description of an HTTP API in OpenAPI 3.1, as JSON. It keeps the order of the description,
// which a reader wants to see, and knows only the part of OpenAPI that docs/openapi.json uses: anything else is an
// error, so that nothing of the description is lost on the page that shows it.
package openapi

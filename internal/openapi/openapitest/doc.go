// Package openapitest compares the answers of a server with the description of the protocol.
package openapitest

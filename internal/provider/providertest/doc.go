// Package providertest gives tests the other side of a connection: authorities that
// issue certificates, good ones and bad ones, and servers with TLS that answer as they
// are told, down to the bytes on the wire.
package providertest

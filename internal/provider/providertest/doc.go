// Package providertest helps to test clients of providers. It has certificate
// authorities that issue valid and expired certificates, TLS servers that run an HTTP
// handler, and servers that send given bytes. It also checks docs/providers.md.
package providertest

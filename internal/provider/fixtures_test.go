package provider

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

const token = "token-that-nobody-may-see"

// patient is a single resource, bundle a Bundle with two entries.
var (
	patient = delivery.Resource{
		Version: fhir.STU3, Path: "Patient", Types: []string{"Patient"},
		Body: []byte(`{"resourceType":"Patient"}`),
	}
	bundle = delivery.Resource{
		Version: fhir.STU3, Types: []string{"Bundle"},
		Body: []byte(`{"resourceType":"Bundle","type":"batch","entry":[{},{}]}`),
	}
)

// testPKI is a certificate authority that both sides trust, with a certificate for each side.
type testPKI struct {
	ca             *providertest.CA
	client, server tls.Certificate
}

func newTestPKI(t testing.TB) testPKI {
	ca := providertest.NewCA(t, "PKI of the test")
	return testPKI{
		ca:     ca,
		client: ca.IssuePair(t, providertest.CertOptions{Hosts: []string{"medmij.example.nl"}}),
		server: ca.IssuePair(t, providertest.CertOptions{Hosts: []string{"localhost", "127.0.0.1"}}),
	}
}

// mutualTLS returns the configuration of a server that requires a client certificate.
func (pki testPKI) mutualTLS() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{pki.server},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pki.ca.Pool(),
	}
}

// newClient returns a client with a certificate, or without one if it is nil.
func (pki testPKI) newClient(client *tls.Certificate) *Client {
	c := &tls.Config{RootCAs: pki.ca.Pool(), MinVersion: tls.VersionTLS12}
	if client != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	return NewClient(c, false, nil)
}

// send sends a resource to a server at base.
func (pki testPKI) send(t *testing.T, base string, r delivery.Resource) ResourceResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request := ResourceRequest{BaseURL: base, Resource: r, Token: seal.SecretOf(token)}
	return pki.newClient(&pki.client).SendResource(ctx, request)
}

// discardUntilClosed reads until the client closes the connection, and answers nothing.
func discardUntilClosed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

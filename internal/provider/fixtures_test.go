package provider

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

const token = "token-that-nobody-may-see"

// patient is a resource, and bundle a Bundle of two.
var (
	patient = library.Resource{Version: library.STU3, Path: "Patient", Types: []string{"Patient"}, Body: []byte(`{"resourceType":"Patient"}`)}
	bundle  = library.Resource{Version: library.STU3, Types: []string{"Bundle"}, Body: []byte(`{"resourceType":"Bundle","type":"batch","entry":[{},{}]}`)}
)

// testPKI is an authority that both sides trust, and the certificates of both.
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

// mutual is the server's side.
func (w testPKI) mutualTLS() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{w.server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: w.ca.Pool(),
	}
}

// way is ours, with a client's certificate or without.
func (w testPKI) newClient(client *tls.Certificate) *Client {
	c := &tls.Config{RootCAs: w.ca.Pool(), MinVersion: tls.VersionTLS12}
	if client != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	return NewClient(c, false, nil)
}

func (w testPKI) send(t *testing.T, base string, r library.Resource) ResourceResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return w.newClient(&w.client).SendResource(ctx, ResourceRequest{BaseURL: base, Resource: r, Token: seal.SecretOf(token)})
}

// discardUntilClosed is silent until the other side has had enough.
func discardUntilClosed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

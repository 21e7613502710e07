package provider

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

// Nothing is sent to a server with a bad certificate or an old TLS version.
func TestServerRefused(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	other := providertest.NewCA(t, "PKI of somebody else")
	local := []string{"localhost", "127.0.0.1"}
	mutual := func(change func(*tls.Config)) *tls.Config {
		c := pki.mutualTLS()
		change(c)
		return c
	}
	for name, tt := range map[string]struct {
		server *tls.Config
		reason string
	}{
		"another name": {mutual(func(c *tls.Config) {
			c.Certificates[0] = pki.ca.IssuePair(t, providertest.CertOptions{Hosts: []string{"fhir.example"}})
		}), "for another host"},
		"another authority": {mutual(func(c *tls.Config) {
			c.Certificates[0] = other.IssuePair(t,
				providertest.CertOptions{Hosts: local})
		}), "not trusted"},
		"expired": {mutual(func(c *tls.Config) {
			c.Certificates[0] = pki.ca.IssuePair(t, providertest.CertOptions{Hosts: local, Expired: true})
		}), "expired"},
		"TLS 1.1": {mutual(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }),
			"broke off the TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reached atomic.Int32
			s := providertest.ServeRaw(t, tt.server, func(net.Conn) { reached.Add(1) })
			a := pki.send(t, s.URL, patient)
			if a.Kind != notFiled || !strings.Contains(a.Reason, tt.reason) {
				t.Errorf("%+v, want a reason with %q", a, tt.reason)
			}
			if reached.Load() != 0 {
				t.Error("the connection was made")
			}
		})
	}
}

// TestConnectFails has addresses to which no connection can be made.
func TestConnectFails(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	plain := providertest.ServeRaw(t, nil, providertest.Respond("HTTP/1.1 201 Created\r\n\r\n"))
	hangsUp := providertest.ServeRaw(t, nil, func(net.Conn) {})
	// net/http lets the handshake of an abandoned request go on, until handshakeTimeout.
	silent := providertest.ServeRaw(t, nil, func(net.Conn) { <-t.Context().Done() })
	for name, tt := range map[string]struct{ base, reason string }{
		"nobody listens": {"https://" + strings.Replace(closed.Addr().String(), "127.0.0.1", "localhost", 1),
			"cannot be reached"},
		"no such host":    {"https://nobody.invalid", "cannot be resolved"},
		"it hangs up":     {strings.Replace(hangsUp.URL, "http:", "https:", 1), "TLS handshake"},
		"it is silent":    {strings.Replace(silent.URL, "http:", "https:", 1), "in time"},
		"it does not TLS": {strings.Replace(plain.URL, "http:", "https:", 1), "TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			a := pki.newClient(&pki.client).
				SendResource(ctx, ResourceRequest{BaseURL: tt.base, Resource: patient, Token: seal.SecretOf(token)})
			if a.Kind != notFiled || a.Status != 0 {
				t.Errorf("%+v", a)
			}
			if name != "no such host" && !strings.Contains(a.Reason, tt.reason) &&
				!strings.Contains(a.Reason, "no time") {
				t.Errorf("the reason is %q, want one with %q", a.Reason, tt.reason)
			}
		})
	}
}

// TestClientCertificateRefused uses servers that refuse the client's certificate. With
// TLS 1.3 they do so after the client has begun to send; the outcome is still "not
// filed", for long resources too.
func TestClientCertificateRefused(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	other := providertest.NewCA(t, "PKI of somebody else")
	ours := []string{"medmij.example.nl"}
	stranger := other.IssuePair(t, providertest.CertOptions{Hosts: ours})
	expired := pki.ca.IssuePair(t, providertest.CertOptions{Hosts: ours, Expired: true})
	big := bundle
	big.Body = []byte(`{"resourceType":"Bundle","x":"` + strings.Repeat("x", 1<<20) +
		`","type":"batch","entry":[{},{}]}`)
	for version, number := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		for name, client := range map[string]*tls.Certificate{
			"none": nil, "of another authority": &stranger, "expired": &expired,
		} {
			t.Run(version+", "+name, func(t *testing.T) {
				t.Parallel()
				c := pki.mutualTLS()
				c.MinVersion, c.MaxVersion = number, number
				url := providertest.Serve(t, c, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					t.Error("the server has answered")
				}))
				for i := range 12 {
					r := []delivery.Resource{patient, big}[i%2]
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					a := pki.newClient(client).
						SendResource(ctx, ResourceRequest{BaseURL: url, Resource: r, Token: seal.SecretOf(token)})
					cancel()
					if a.Kind != notFiled || !strings.Contains(a.Reason, "does not take our certificate") &&
						!strings.Contains(a.Reason, "broke off the TLS handshake") {
						t.Fatalf("try %d with %d bytes: %+v", i, len(r.Body), a)
					}
				}
			})
		}
	}
}

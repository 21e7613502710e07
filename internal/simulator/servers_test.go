package simulator

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A client without a valid certificate is refused before a request is read.
func TestCertificates(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, tt := range []struct {
		name string
		none bool
		with CertificateOptions
		in   bool
	}{
		{name: "right", in: true},
		{name: "none", none: true},
		{name: "other authority", with: CertificateOptions{OtherAuthority: true}},
		{name: "expired", with: CertificateOptions{Expired: true}},
		{name: "not yet", with: CertificateOptions{NotYet: true}},
		{name: "other host", with: CertificateOptions{Host: "other.example"}},
		{name: "of a server", with: CertificateOptions{Server: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, key := n.s.IssueCertificate(tt.with)
			if tt.none {
				cert = nil
			}
			n := &testClient{t, n.s, n.clock, newClient(t, n.s, cert, key)}
			got, err := n.do(n.newTokenRequest("balanspunt", "53", uuid.NewString(), tokenRequest("unknown")))
			if tt.in && (err != nil || got.status != http.StatusBadRequest) {
				t.Errorf("the right certificate: %d, %v", got.status, err)
			}
			if !tt.in && err == nil {
				t.Errorf("the certificate was accepted, status %d", got.status)
			}
		})
	}
	n.assertNoViolations()
	for i := 0; len(n.s.RefusedConnections()) < 6 && i < 1000; i++ {
		time.Sleep(time.Millisecond) // wait for the log of the server
	}
	if refused := n.s.RefusedConnections(); len(refused) != 6 {
		t.Errorf("refused %q", refused)
	}
	if cert, _ := n.s.IssueCertificate(CertificateOptions{Host: "not ascii: é"}); cert != nil {
		t.Error("issued a certificate for a host name that is not valid")
	}
}

// The backchannel and the lists require TLS 1.2.
func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, address := range []string{n.s.backURL, n.s.listsURL} {
		for version, in := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true,
			tls.VersionTLS13: true} {
			config := n.http.Transport.(*http.Transport).TLSClientConfig.Clone()
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, version
			c, err := tls.Dial("tcp", strings.TrimPrefix(address, "https://"), config)
			if err == nil {
				_ = c.Close()
			}
			if (err == nil) != in {
				t.Errorf("%s with %s: %v", address, tls.VersionName(version), err)
			}
		}
	}
}

// The pages use TLS without FrontHTTP.
func TestFrontOverTLS(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	answer, err := newClient(t, s, nil, nil).Get(s.FrontURL() + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK ||
		answer.TLS == nil {
		t.Errorf("%d, %v", answer.StatusCode, err)
	}
}

// SetDown resets new and open connections until it is called again with false.
func TestDown(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	ask := func() error {
		_, err := n.do(n.newTokenRequest("balanspunt", "53", uuid.NewString(), tokenRequest("unknown")))
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	n.s.SetDown(true)
	for range 2 { // on an old connection and on a new one
		if ask() == nil {
			t.Error("got a response while the backchannel is down")
		}
	}
	n.s.SetDown(false)
	if err := ask(); err != nil {
		t.Error(err)
	}
}

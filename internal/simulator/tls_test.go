package simulator

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Who has not the right certificate is refused before a request is read.
func TestCertificates(t *testing.T) {
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
				t.Errorf("was let in, and answered with %d", got.status)
			}
		})
	}
	n.assertNoViolations()
	for i := 0; len(n.s.RefusedConnections()) < 6 && i < 1000; i++ {
		time.Sleep(time.Millisecond) // the server may not have told it yet
	}
	if refused := n.s.RefusedConnections(); len(refused) != 6 {
		t.Errorf("refused %q", refused)
	}
	if cert, _ := n.s.IssueCertificate(CertificateOptions{Host: "not ascii: é"}); cert != nil {
		t.Error("issued a certificate for a host that is none")
	}
}

// The backchannel and the lists speak TLS 1.2 and later.
func TestOldTLSIsRefused(t *testing.T) {
	n := startSimulator(t)
	for _, address := range []string{n.s.backURL, n.s.listsURL} {
		for version, in := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
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

// A client that looks is caught by no trap, and one that does not is told of.
func TestTraps(t *testing.T) {
	n := startSimulator(t)
	for _, trap := range BadEndpoints {
		before := n.s.Volgnummer(ListProviders)
		n.s.SetBehaviour("rivierenland", Behaviour{BadEndpoint: trap})
		if n.s.Volgnummer(ListProviders) != before+1 {
			t.Errorf("%s: the lists were not published anew", trap)
		}
		if n.service("balanspunt", "53").TokenURL != n.s.backURL+"/balanspunt/53/token" {
			t.Errorf("%s: another provider was moved", trap)
		}
		_, err := n.do(n.newTokenRequest("rivierenland", "53", uuid.NewString(), tokenRequest("unknown")))
		if trap == EndpointNotWhitelisted {
			n.assertViolation("whitelist") // nothing but the list tells
			continue
		}
		if err == nil {
			t.Errorf("%s: a client that looks got through", trap)
		}
	}
	n.assertNoViolations()

	careless := newClient(t, n.s, nil, nil)
	careless.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true,
		GetClientCertificate: n.http.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate}
	blind := &testClient{t, n.s, n.clock, careless}
	for _, trap := range []BadEndpoint{EndpointWrongName, EndpointExpired, EndpointOtherCA} {
		n.s.SetBehaviour("rivierenland", Behaviour{BadEndpoint: trap})
		blind.mustRespond(blind.do(blind.newTokenRequest("rivierenland", "53", uuid.NewString(), tokenRequest("unknown"))))
		n.assertViolation("tls")
	}
}

// Out of reach is out of reach for new and for old connections, until it is over.
func TestDown(t *testing.T) {
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
			t.Error("was answered though down")
		}
	}
	n.s.SetDown(false)
	if err := ask(); err != nil {
		t.Error(err)
	}
}

// With a folder, a client that was set up once is good for the next start, and for
// another client id there is another certificate.
func TestFolder(t *testing.T) {
	folder := t.TempDir()
	run := func(id string) (roots, cert []byte) {
		s, err := Start(t.Context(), Config{Folder: folder, ClientID: id})
		if err != nil {
			t.Fatal(err)
		}
		cert, _ = s.ClientCertificate()
		for _, file := range []string{s.Files().Roots, s.Files().ClientCertificate, s.Files().ClientKey, s.Files().Directory} {
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v", file, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return s.Roots(), cert
	}
	roots, cert := run("one.example")
	again, sameCert := run("one.example")
	if !bytes.Equal(roots, again) || !bytes.Equal(cert, sameCert) {
		t.Error("the second start has other certificates")
	}
	again, otherCert := run("two.example")
	if !bytes.Equal(roots, again) || bytes.Equal(cert, otherCert) {
		t.Error("another client has not just another certificate")
	}
	if err := os.WriteFile(folder+"/"+rootsFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Start(t.Context(), Config{Folder: folder}); err == nil {
		t.Error("started with roots that are none", s.Close())
	}
}

func TestLoopbackOnly(t *testing.T) {
	for _, c := range []Config{{FrontAddr: "0.0.0.0:0"}, {BackAddr: "192.0.2.1:0"}, {ListAddr: ":0"}, {FrontAddr: "nonsense"}} {
		if s, err := Start(t.Context(), c); err == nil {
			t.Errorf("%+v: started", c)
			_ = s.Close()
		}
	}
}

// Closing ends also what is under way, and is quick.
func TestCloseEndsWhatSleeps(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("balanspunt", "53")
	n.s.SetBehaviour("", Behaviour{Resource: ResourceLate})
	done := make(chan error, 1)
	go func() {
		_, err := n.do(c.request(http.MethodPost, "", measurementsBundle("batch", "run")))
		done <- err
	}()
	for len(n.s.Filed()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := n.s.Close(); err != nil {
		t.Error(err)
	}
	if <-done == nil {
		t.Error("was answered after the end")
	}
}

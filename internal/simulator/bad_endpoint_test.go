package simulator

import (
	"crypto/tls"
	"net/http"
	"testing"

	"github.com/google/uuid"
)

// A client that checks certificates sends nothing to a bad endpoint. A client that does not check
// them sends requests, and each of these is recorded as a violation.
func TestBadEndpoints(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, bad := range BadEndpoints {
		before := n.s.Lists.Number(ListProviders)
		n.s.SetBehaviour("rivierenland", Behaviour{BadEndpoint: bad})
		if n.s.Lists.Number(ListProviders) != before+1 {
			t.Errorf("%s: the lists were not published", bad)
		}
		if n.service("balanspunt", "53").TokenURL != n.s.backURL+"/balanspunt/53/token" {
			t.Errorf("%s: another provider was moved", bad)
		}
		_, err := n.do(n.newTokenRequest("rivierenland", "53", uuid.NewString(), tokenRequest("unknown")))
		if bad == EndpointNotWhitelisted {
			n.assertViolation("whitelist") // its certificate is valid
			continue
		}
		if err == nil {
			t.Errorf("%s: the request was sent", bad)
		}
	}
	n.assertNoViolations()

	careless := newClient(t, n.s, nil, nil)
	careless.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true,
		GetClientCertificate: n.http.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate}
	blind := &testClient{t, n.s, n.clock, careless}
	for _, bad := range []BadEndpoint{EndpointWrongName, EndpointExpired, EndpointOtherCA} {
		n.s.SetBehaviour("rivierenland", Behaviour{BadEndpoint: bad})
		blind.mustRespond(blind.do(blind.newTokenRequest("rivierenland", "53", uuid.NewString(),
			tokenRequest("unknown"))))
		n.assertViolation("tls")
	}
}

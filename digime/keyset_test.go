package digime_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
	"github.com/carrelhq/carrel/digime/wire"
)

// A response is accepted only if the server that the client was created for has signed it.
func TestSignedResponses(t *testing.T) {
	l := start(t)
	authorize := func() error {
		_, err := l.write(t).Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
		return err
	}
	// Another server signs with the same key, and says that its keys are at this address.
	for name, address := range map[string]string{
		"keys elsewhere":       "",
		"keys at a look-alike": strings.Replace(l.URL, "//", "//user@", 1),
		"no address":           "/",
		"a broken address":     "http://[::1",
	} {
		other := start(t)
		if address != "" {
			other.URL = address
		}
		l.FailNext(digimetest.EndpointAuthorize, func(http.Handler) http.Handler { return other })
		if err := authorize(); !errors.Is(err, digime.ErrBadSignature) {
			t.Errorf("%s: error %v, want ErrBadSignature", name, err)
		}
		if n := other.count(digimetest.EndpointKeys); n != 0 || other.count("") != 1 {
			t.Errorf("%s: %d requests went to the other server", name, n)
		}
	}

	key, err := wire.ParsePrivateKey(l.WriteContract.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, id := range map[string]string{"unknown key": "key-2", "another's signature": "key-1", "no token": ""} {
		token := ""
		if id != "" {
			header := wire.Header{KeySetURL: l.URL + "/v1.7/jwks/oauth", KeyID: id}
			claims := wire.PreauthorizationClaims{PreauthorizationCode: "code"}
			if token, err = wire.Sign(key, header, claims); err != nil {
				t.Fatal(err)
			}
		}
		l.FailNext(digimetest.EndpointAuthorize, digimetest.Respond(func(w http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(w).Encode(wire.SignedAnswer{Token: token})
		}))
		if err := authorize(); !errors.Is(err, digime.ErrBadSignature) {
			t.Errorf("%s: error %v, want ErrBadSignature", name, err)
		}
	}
}

package smart

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

func TestAuthorizationURL(t *testing.T) {
	t.Parallel()
	address, err := newTestServer(t).network().AuthorizationURL(t.Context(), authorizationParams())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(verifier))
	want := url.Values{
		"realm": {
			"x",
		}, "response_type": {"code"}, "client_id": {"carrel id"}, "redirect_uri": {"https://carrel.example/return"},
		"scope": {
			"openid user/*.write",
		}, "state": {"planted-state"}, "aud": {strings.TrimSuffix(u.Scheme+"://"+u.Host, "/") + "/fhir"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if u.Path != "/authorize" || u.Query().Encode() != want.Encode() {
		t.Errorf("%s with %s, want %s", u.Path, u.Query().Encode(), want.Encode())
	}
	if strings.Contains(address, verifier) {
		t.Error("the verifier travels with the browser")
	}
}

func TestUnknownServer(t *testing.T) {
	t.Parallel()
	n := newTestServer(t).network()
	d := authorizationParams()
	d.Provider = "smart:nobody"
	_, err1 := n.AuthorizationURL(t.Context(), d)
	_, err2 := n.Exchange(t.Context(), d, seal.SecretOf(plantedCode))
	_, err3 := n.RefreshTokens(t.Context(), d.Provider, seal.SecretOf(plantedRefresh), correlationID)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, delivery.ErrProviderGone) {
			t.Error(err)
		}
	}
	if o := n.Send(t.Context(), d.Provider, delivery.SendRequest{}); o.Kind != delivery.OutcomeNotFiled {
		t.Errorf("%+v", o)
	}
}

func TestTokenRequests(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{"public client": "", "client with a secret": plantedSecret} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTestServer(t)
			if secret != "" {
				w.server.ClientSecret = seal.SecretOf(secret)
			}
			var form url.Values
			w.mux.HandleFunc("POST /token", func(rw http.ResponseWriter, r *http.Request) {
				checkTokenRequest(t, r, secret)
				body, _ := io.ReadAll(r.Body)
				form, _ = url.ParseQuery(string(body))
				rw.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(rw, `{"access_token":%q,"token_type":"bearer","expires_in":600,"refresh_token":%q}`,
					plantedToken, plantedRefresh)
			})
			n := w.network()
			a, err := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
			if err != nil || a.Access.Reveal() != plantedToken || a.Refresh.Reveal() != plantedRefresh ||
				!a.ExpiresAt.Equal(w.now.Add(10*time.Minute)) {
				t.Errorf("%q, %v, %v", a.Access.Reveal(), a.ExpiresAt, err)
			}
			exchange := url.Values{
				"grant_type": {"authorization_code"}, "code": {plantedCode}, "code_verifier": {verifier},
				"redirect_uri": {"https://carrel.example/return"},
			}
			renewal := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {plantedRefresh}}
			if secret == "" {
				exchange.Set("client_id", "carrel id")
				renewal.Set("client_id", "carrel id")
			}
			if form.Encode() != exchange.Encode() {
				t.Errorf("form %s, want %s", form.Encode(), exchange.Encode())
			}
			_, err = n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh), correlationID)
			if err != nil || form.Encode() != renewal.Encode() {
				t.Errorf("form %s, want %s; %v", form.Encode(), renewal.Encode(), err)
			}
		})
	}
}

// checkTokenRequest checks the headers of a request to the token endpoint. A client without a secret
// does not authenticate.
func checkTokenRequest(t *testing.T, r *http.Request, secret string) {
	t.Helper()
	if got := r.Header.Get("X-Correlation-ID"); got != correlationID {
		t.Errorf("X-Correlation-ID is %q", got)
	}
	id, password, ok := r.BasicAuth()
	if ok != (secret != "") || ok && (id != url.QueryEscape("carrel id") || password != url.QueryEscape(secret)) {
		t.Errorf("basic authentication: %v, %q", ok, id)
	}
}

// tokenServer is a server whose token endpoint gives a response, and counts the calls.
func tokenServer(t *testing.T, status int, contentType, body string) (w *testServer, calls *atomic.Int32) {
	t.Helper()
	w, calls = newTestServer(t), new(atomic.Int32)
	w.server.ClientSecret = seal.SecretOf(plantedSecret)
	w.mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		rw.Header().Set("Content-Type", contentType)
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	})
	return w, calls
}

func TestTokenResponses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body string
		life time.Duration
	}{
		"a life":  {`{"access_token":"t","token_type":"Bearer","expires_in":60}`, time.Minute},
		"no life": {`{"access_token":"t","token_type":"BEARER"}`, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, calls := tokenServer(t, 200, "application/json", tt.body)
			n := w.network()
			a, err := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
			if err != nil || !a.ExpiresAt.Equal(w.now.Add(tt.life)) || !a.Refresh.IsZero() {
				t.Errorf("exchanged: %v, expires %v", err, a.ExpiresAt)
			}
			a, err = n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh), correlationID)
			if err != nil || !a.ExpiresAt.Equal(w.now.Add(tt.life)) || a.Refresh.Reveal() != plantedRefresh {
				t.Errorf("refreshed: %v, expires %v", err, a.ExpiresAt)
			}
			if calls.Load() != 2 {
				t.Errorf("%d calls", calls.Load())
			}
		})
	}
}

// An error of the token endpoint repeats nothing of the response. Only an invalid grant means that
// the provider refuses the code or the refresh token.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	const asJSON, asHTML = "application/json", "text/html"
	for name, tt := range map[string]struct {
		status       int
		kind, body   string
		invalidGrant bool
	}{
		"another type":    {200, asJSON, `{"access_token":"t","token_type":"mac","expires_in":60}`, false},
		"a negative life": {200, asJSON, `{"access_token":"t","token_type":"Bearer","expires_in":-60}`, false},
		"a token in two":  {200, asJSON, `{"access_token":"a b","token_type":"Bearer"}`, false},
		"no token":        {200, asJSON, `{"token_type":"Bearer"}`, false},
		"not JSON":        {200, asJSON, `planted-code`, false},
		"a page":          {200, asHTML, `<html>planted-code`, false},
		"too long":        {200, asJSON, `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, false},
		"200 that is no":  {200, asJSON, `{"error":"invalid_grant"}`, true},
		"invalid_grant":   {400, asJSON, `{"error":"invalid_grant","error_description":"planted-code"}`, true},
		"invalid_request": {400, asJSON, `{"error":"invalid_request","error_description":"planted-code"}`, false},
		"an odd error":    {400, asJSON, `{"error":"planted-code"}`, false},
		"invalid_client":  {401, asJSON, `{"error":"invalid_client"}`, false},
		"500 with JSON":   {500, asJSON, `{"error":"invalid_grant"}`, false},
		"500 with a page": {500, asHTML, `planted-code`, false},
		"redirected":      {302, asJSON, ``, false},
		"redirected, 307": {307, asJSON, ``, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, calls := tokenServer(t, tt.status, tt.kind, tt.body)
			n := w.network()
			_, err1 := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
			_, err2 := n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh), correlationID)
			if calls.Load() != 2 {
				t.Errorf("%d calls", calls.Load())
			}
			for _, x := range []struct{ err, grant error }{
				{err1, delivery.ErrProviderRefused}, {err2, delivery.ErrReconnect},
			} {
				known := errors.Is(x.err, delivery.ErrProviderRefused) || errors.Is(x.err, delivery.ErrReconnect)
				if x.err == nil || known != tt.invalidGrant || tt.invalidGrant && !errors.Is(x.err, x.grant) {
					t.Fatalf("%v, want %v: %v", x.err, x.grant, tt.invalidGrant)
				}
				if strings.Contains(x.err.Error(), "planted") || strings.Contains(x.err.Error(), "html") {
					t.Errorf("the error repeats what came: %v", x.err)
				}
			}
		})
	}
}

func TestTokenTimeout(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := w.network().Exchange(ctx, authorizationParams(), seal.SecretOf(plantedCode)); err == nil ||
		strings.Contains(err.Error(), "planted") {
		t.Error(err)
	}
}

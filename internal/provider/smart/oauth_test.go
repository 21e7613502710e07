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
	for _, secret := range []string{"", plantedSecret} {
		w := newTestServer(t)
		if secret != "" {
			w.server.ClientSecret = seal.SecretOf(secret)
		}
		var form url.Values
		w.mux.HandleFunc("POST /token", func(rw http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("X-Correlation-ID"); got != correlationID {
				t.Errorf("X-Correlation-ID is %q", got)
			}
			id, password, ok := r.BasicAuth()
			if ok != (secret != "") ||
				ok && (id != url.QueryEscape("carrel id") || password != url.QueryEscape(secret)) {
				t.Errorf("basic authentication: %v, %q", ok, id)
			}
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
		want := url.Values{
			"grant_type": {"authorization_code"}, "code": {plantedCode}, "code_verifier": {verifier},
			"redirect_uri": {"https://carrel.example/return"},
		}
		renewal := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {plantedRefresh}}
		if secret == "" {
			want.Set("client_id", "carrel id")
			renewal.Set("client_id", "carrel id")
		}
		if form.Encode() != want.Encode() {
			t.Errorf("form %s, want %s", form.Encode(), want.Encode())
		}
		if _, err := n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh),
			correlationID); err != nil ||
			form.Encode() != renewal.Encode() {
			t.Errorf("form %s, want %s; %v", form.Encode(), renewal.Encode(), err)
		}
	}
}

func TestTokenResponses(t *testing.T) {
	t.Parallel()
	w := newTestServer(t)
	w.server.ClientSecret = seal.SecretOf(plantedSecret)
	var status int
	var kind, body string
	var calls atomic.Int32
	w.mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		rw.Header().Set("Content-Type", kind)
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	})
	n := w.network()
	const asJSON = "application/json"
	for _, tt := range []struct {
		status     int
		kind, body string
		life       time.Duration
		code       error
		renew      error
	}{
		{200, asJSON, `{"access_token":"t","token_type":"Bearer","expires_in":60}`, time.Minute, nil, nil},
		{200, asJSON, `{"access_token":"t","token_type":"BEARER"}`, 15 * time.Minute, nil, nil},
		{200, asJSON, `{"access_token":"t","token_type":"mac","expires_in":60}`, 0, nil, nil},
		{200, asJSON, `{"access_token":"t","token_type":"Bearer","expires_in":-60}`, 0, nil, nil},
		{200, asJSON, `{"access_token":"a b","token_type":"Bearer"}`, 0, nil, nil},
		{200, asJSON, `{"token_type":"Bearer"}`, 0, nil, nil},
		{200, asJSON, `planted-code`, 0, nil, nil},
		{200, "text/html", `<html>planted-code`, 0, nil, nil},
		{200, asJSON, `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, 0, nil, nil},
		{200, asJSON, `{"error":"invalid_grant"}`, 0, delivery.ErrProviderRefused, delivery.ErrReconnect},
		{400, asJSON, `{"error":"invalid_grant","error_description":"planted-code"}`, 0, delivery.ErrProviderRefused,
			delivery.ErrReconnect},
		{400, asJSON, `{"error":"invalid_request","error_description":"planted-code"}`, 0, nil, nil},
		{400, asJSON, `{"error":"planted-code"}`, 0, nil, nil},
		{401, asJSON, `{"error":"invalid_client"}`, 0, nil, nil},
		{500, asJSON, `{"error":"invalid_grant"}`, 0, nil, nil},
		{500, "text/html", `planted-code`, 0, nil, nil},
		{302, asJSON, ``, 0, nil, nil},
		{307, asJSON, ``, 0, nil, nil},
	} {
		status, kind, body = tt.status, tt.kind, tt.body
		what := fmt.Sprintf("%d %.60s", tt.status, tt.body)
		calls.Store(0)
		a, err1 := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
		b, err2 := n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh), correlationID)
		if calls.Load() != 2 {
			t.Errorf("%s: %d calls", what, calls.Load())
		}
		if tt.life > 0 {
			if err1 != nil || err2 != nil || !a.ExpiresAt.Equal(w.now.Add(tt.life)) || !a.Refresh.IsZero() ||
				b.Refresh.Reveal() != plantedRefresh {
				t.Errorf("%s: %v, %v, %v", what, err1, err2, a.ExpiresAt)
			}
			continue
		}
		for _, x := range []struct{ err, want error }{{err1, tt.code}, {err2, tt.renew}} {
			known := errors.Is(x.err, delivery.ErrProviderRefused) || errors.Is(x.err, delivery.ErrReconnect)
			if x.err == nil || known != (x.want != nil) || x.want != nil && !errors.Is(x.err, x.want) {
				t.Errorf("%s: %v, want %v", what, x.err, x.want)
			}
			if x.err != nil && (strings.Contains(x.err.Error(), "planted") || strings.Contains(x.err.Error(), "html")) {
				t.Errorf("%s: the error repeats what came: %v", what, x.err)
			}
		}
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

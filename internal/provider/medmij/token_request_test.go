package medmij

import (
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

func TestTokenRequests(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.config.Now = func() time.Time { return now }
	n := w.newUpdatedNetwork()
	seen := map[string]bool{}
	var form url.Values
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		checkBackchannelRequest(t, r, seen)
		if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Authorization") != "" ||
			r.Header.Get("Accept") != "application/json" {
			t.Errorf("header %v", r.Header)
		}
		body, _ := io.ReadAll(r.Body)
		form, _ = url.ParseQuery(string(body))
		fmt.Fprintf(rw, `{"access_token":%q,"token_type":"bearer","expires_in":600,"refresh_token":%q,`+
			`"scope":"53","more":{}}`, plantedToken, plantedRefresh)
	}, nil)
	a, err := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
	if err != nil || a.Access.Reveal() != plantedToken || a.Refresh.Reveal() != plantedRefresh ||
		!a.ExpiresAt.Equal(now.Add(10*time.Minute)) {
		t.Errorf("%q %q %v, %v", a.Access.Reveal(), a.Refresh.Reveal(), a.ExpiresAt, err)
	}
	want := url.Values{
		"grant_type": {"authorization_code"}, "code": {plantedCode}, "client_id": {testClientID},
		"redirect_uri": {"https://medmij.example.nl/return"},
	}
	if form.Encode() != want.Encode() {
		t.Errorf("form %s, want %s", form.Encode(), want.Encode())
	}
	if _, err := n.RefreshTokens(t.Context(), key53, seal.SecretOf(plantedRefresh), correlationID); err != nil {
		t.Error(err)
	}
	want = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {plantedRefresh}, "client_id": {testClientID}}
	if form.Encode() != want.Encode() {
		t.Errorf("form %s, want %s", form.Encode(), want.Encode())
	}
	if len(seen) != 2 {
		t.Errorf("%d ids for two requests", len(seen))
	}
}

func TestTokenResponses(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.config.Now = func() time.Time { return now }
	n := w.newUpdatedNetwork()
	for what, tt := range map[string]struct {
		status      int
		body        string
		code, renew error         // the errors of Exchange and RefreshTokens; nil for any other
		life        time.Duration // without an error
		noRefresh   bool          // no refresh token
	}{
		"good": {200, `{"access_token":"t","token_type":"Bearer","expires_in":900,"refresh_token":"r"}`,
			nil, nil, 15 * time.Minute, false},
		"no life": {200, `{"access_token":"t","token_type":"BEARER"}`, nil, nil, 15 * time.Minute, true},
		"a life in a text": {200, `{"access_token":"t","token_type":"BEARER","expires_in":"60"}`, nil, nil,
			time.Minute, true},
		"a life for ever": {200, `{"access_token":"t","token_type":"Bearer","expires_in":9000000000000000000}`, nil,
			nil, 366 * 24 * time.Hour, true},
		"a life of nothing": {200, `{"access_token":"t","token_type":"Bearer","expires_in":0}`, nil, nil, 0, false},
		"a negative life":   {200, `{"access_token":"t","token_type":"Bearer","expires_in":-1}`, nil, nil, 0, false},
		"half a life":       {200, `{"access_token":"t","token_type":"Bearer","expires_in":1.5}`, nil, nil, 0, false},
		"no type":           {200, `{"access_token":"t","expires_in":900}`, nil, nil, 0, false},
		"another type":      {200, `{"access_token":"t","token_type":"mac","expires_in":900}`, nil, nil, 0, false},
		"no token":          {200, `{"token_type":"Bearer","expires_in":900}`, nil, nil, 0, false},
		"a token with spaces": {200, `{"access_token":"a b","token_type":"Bearer","expires_in":900}`, nil, nil, 0,
			false},
		"a token with lines": {200, `{"access_token":"a\r\nX: y","token_type":"Bearer","expires_in":900}`, nil, nil, 0,
			false},
		"a long token": {200, `{"access_token":"` + strings.Repeat("a", 1<<17) + `","token_type":"Bearer"}`, nil,
			nil, 0, false},
		"not JSON":   {200, `access_token=planted-token`, nil, nil, 0, false},
		"a list":     {200, `[]`, nil, nil, 0, false},
		"nothing":    {200, ``, nil, nil, 0, false},
		"too long":   {200, `{"x":"` + strings.Repeat("a", 1<<20) + `"}`, nil, nil, 0, false},
		"created":    {201, `{"access_token":"t","token_type":"Bearer","expires_in":900}`, nil, nil, 0, false},
		"a redirect": {302, ``, nil, nil, 0, false},
		"invalid_grant": {400, `{"error":"invalid_grant","error_description":"planted-code"}`,
			delivery.ErrProviderRefused, delivery.ErrReconnect, 0, false},
		"invalid_grant, 401": {401, `{"error":"invalid_grant"}`, delivery.ErrProviderRefused, delivery.ErrReconnect, 0,
			false},
		"invalid_grant, 500": {500, `{"error":"invalid_grant"}`, nil, nil, 0, false},
		"invalid_client":     {401, `{"error":"invalid_client"}`, nil, nil, 0, false},
		"invalid_request": {400, `{"error":"invalid_request","error_description":"planted-code"}`, nil, nil, 0,
			false},
		"an odd error":      {400, `{"error":"planted-code"}`, nil, nil, 0, false},
		"an error, no JSON": {400, `planted-code`, nil, nil, 0, false},
		"a fault":           {500, `planted-code`, nil, nil, 0, false},
		"busy":              {503, ``, nil, nil, 0, false},
	} {
		t.Run(what, func(t *testing.T) {
			var calls atomic.Int32
			w.handle(func(rw http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				rw.Header().Set("Location", "/elsewhere")
				rw.WriteHeader(tt.status)
				_, _ = io.WriteString(rw, tt.body)
			}, nil)
			returned, err1 := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
			renewed, err2 := n.RefreshTokens(t.Context(), key53, seal.SecretOf(plantedRefresh), correlationID)
			if calls.Load() != 2 {
				t.Errorf("%d calls", calls.Load())
			}
			if tt.life > 0 {
				if err1 != nil || err2 != nil || !returned.ExpiresAt.Equal(now.Add(tt.life)) ||
					returned.Access.Reveal() != "t" {
					t.Errorf("%v, %v, expires %v", err1, err2, returned.ExpiresAt)
				}
				if renewed.Refresh.IsZero() != tt.noRefresh || returned.Refresh.IsZero() != tt.noRefresh {
					t.Errorf("refresh tokens %q and %q, want none: %v", returned.Refresh.Reveal(),
						renewed.Refresh.Reveal(), tt.noRefresh)
				}
				return
			}
			for _, x := range []struct{ err, want, other error }{{err1, tt.code, delivery.ErrReconnect},
				{err2, tt.renew, delivery.ErrProviderRefused}} {
				if x.err == nil || x.want != nil && !errors.Is(x.err, x.want) || errors.Is(x.err, x.other) ||
					x.want == nil && (errors.Is(x.err, delivery.ErrProviderRefused) ||
						errors.Is(x.err, delivery.ErrReconnect)) {
					t.Errorf("%v, want %v", x.err, x.want)
				}
				if x.err != nil && strings.Contains(x.err.Error(), "planted") {
					t.Errorf("the error contains the response: %v", x.err)
				}
			}
		})
	}
}

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

// giveBoth sets the response of the provider's token endpoint, and makes both requests to it.
func (w *testNetwork) giveBoth(t *testing.T, n *Network, status int, body string) (
	exchanged, refreshed delivery.ProviderTokens, exchangeErr, refreshErr error,
) {
	t.Helper()
	var calls atomic.Int32
	w.handle(func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}, nil)
	exchanged, exchangeErr = n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
	refreshed, refreshErr = n.RefreshTokens(t.Context(), key53, seal.SecretOf(plantedRefresh), correlationID)
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
	return exchanged, refreshed, exchangeErr, refreshErr
}

func TestTokenResponses(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.config.Now = func() time.Time { return now }
	n := w.newUpdatedNetwork()
	for what, tt := range map[string]struct {
		body    string
		life    time.Duration
		refresh bool // has a refresh token
	}{
		"good": {`{"access_token":"t","token_type":"Bearer","expires_in":900,"refresh_token":"r"}`, 15 * time.Minute,
			true},
		"no life":          {`{"access_token":"t","token_type":"BEARER"}`, 15 * time.Minute, false},
		"a life in a text": {`{"access_token":"t","token_type":"BEARER","expires_in":"60"}`, time.Minute, false},
		"a life for ever": {`{"access_token":"t","token_type":"Bearer","expires_in":9000000000000000000}`,
			366 * 24 * time.Hour, false},
	} {
		t.Run(what, func(t *testing.T) {
			exchanged, refreshed, err1, err2 := w.giveBoth(t, n, 200, tt.body)
			if err1 != nil || err2 != nil || !exchanged.ExpiresAt.Equal(now.Add(tt.life)) ||
				exchanged.Access.Reveal() != "t" {
				t.Errorf("%v, %v, expires %v", err1, err2, exchanged.ExpiresAt)
			}
			if refreshed.Refresh.IsZero() == tt.refresh || exchanged.Refresh.IsZero() == tt.refresh {
				t.Errorf("refresh tokens %q and %q, want some: %v", exchanged.Refresh.Reveal(),
					refreshed.Refresh.Reveal(), tt.refresh)
			}
		})
	}
}

// An error of the token endpoint contains nothing of the response. Only an invalid grant means that
// the provider refuses the code or the refresh token.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	for what, tt := range map[string]struct {
		status       int
		body         string
		invalidGrant bool
	}{
		"a life of nothing":   {200, `{"access_token":"t","token_type":"Bearer","expires_in":0}`, false},
		"a negative life":     {200, `{"access_token":"t","token_type":"Bearer","expires_in":-1}`, false},
		"half a life":         {200, `{"access_token":"t","token_type":"Bearer","expires_in":1.5}`, false},
		"no type":             {200, `{"access_token":"t","expires_in":900}`, false},
		"another type":        {200, `{"access_token":"t","token_type":"mac","expires_in":900}`, false},
		"no token":            {200, `{"token_type":"Bearer","expires_in":900}`, false},
		"a token with spaces": {200, `{"access_token":"a b","token_type":"Bearer","expires_in":900}`, false},
		"a token with lines":  {200, `{"access_token":"a\r\nX: y","token_type":"Bearer","expires_in":900}`, false},
		"a long token": {200, `{"access_token":"` + strings.Repeat("a", 1<<17) + `","token_type":"Bearer"}`,
			false},
		"not JSON":           {200, `access_token=planted-token`, false},
		"a list":             {200, `[]`, false},
		"nothing":            {200, ``, false},
		"too long":           {200, `{"x":"` + strings.Repeat("a", 1<<20) + `"}`, false},
		"created":            {201, `{"access_token":"t","token_type":"Bearer","expires_in":900}`, false},
		"a redirect":         {302, ``, false},
		"invalid_grant":      {400, `{"error":"invalid_grant","error_description":"planted-code"}`, true},
		"invalid_grant, 401": {401, `{"error":"invalid_grant"}`, true},
		"invalid_grant, 500": {500, `{"error":"invalid_grant"}`, false},
		"invalid_client":     {401, `{"error":"invalid_client"}`, false},
		"invalid_request":    {400, `{"error":"invalid_request","error_description":"planted-code"}`, false},
		"an odd error":       {400, `{"error":"planted-code"}`, false},
		"an error, no JSON":  {400, `planted-code`, false},
		"a fault":            {500, `planted-code`, false},
		"busy":               {503, ``, false},
	} {
		t.Run(what, func(t *testing.T) {
			_, _, exchangeErr, refreshErr := w.giveBoth(t, n, tt.status, tt.body)
			for _, x := range []struct{ err, want, other error }{
				{exchangeErr, delivery.ErrProviderRefused, delivery.ErrReconnect},
				{refreshErr, delivery.ErrReconnect, delivery.ErrProviderRefused},
			} {
				if x.err == nil || errors.Is(x.err, x.want) != tt.invalidGrant || errors.Is(x.err, x.other) {
					t.Fatalf("%v, want %v: %v", x.err, x.want, tt.invalidGrant)
				}
				if strings.Contains(x.err.Error(), "planted") {
					t.Errorf("the error contains the response: %v", x.err)
				}
			}
		})
	}
}

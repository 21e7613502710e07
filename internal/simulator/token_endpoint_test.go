package simulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// approvedCode returns a code and its correlation id.
func (n *testClient) approvedCode(provider, service string) (code, correlation string) {
	n.Helper()
	before := n.s.Behaviour(provider)
	b := before
	b.Authorize = AuthorizeApprove
	n.s.SetBehaviour(provider, b)
	q := authorizationParams(provider, service)
	code = n.authorize(provider, service, q).Get("code")
	n.s.SetBehaviour(provider, before)
	return code, q.Get(correlationID)
}

// decodeToken decodes a response of a token endpoint.
func decodeToken(t *testing.T, r testResponse) (a tokenResponse, refused tokenErrorResponse) {
	t.Helper()
	if json.Unmarshal(r.body, &a) != nil || json.Unmarshal(r.body, &refused) != nil {
		t.Errorf("status %d: %s", r.status, r.body)
	}
	return a, refused
}

func TestTokenIsStrict(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	set := func(name, value string) func(*http.Request, url.Values) {
		return func(_ *http.Request, form url.Values) { form.Set(name, value) }
	}
	header := func(name, value string) func(*http.Request, url.Values) {
		return func(r *http.Request, _ url.Values) { r.Header.Set(name, value) }
	}
	for name, tt := range map[string]struct {
		change func(*http.Request, url.Values)
		rule   string
		status int
		err    string
	}{
		"right":        {change: func(*http.Request, url.Values) {}, status: 200},
		"unknown code": {change: set("code", "unknown"), status: 400, err: "invalid_grant"},
		"other redirect": {change: set("redirect_uri", callback+"/other"), rule: "redirect_uri", status: 400,
			err: "invalid_grant"},
		"no redirect": {change: func(_ *http.Request, f url.Values) { f.Del("redirect_uri") },
			rule: "parameter", status: 400, err: "invalid_request"},
		"no code": {change: func(_ *http.Request, f url.Values) { f.Del("code") }, rule: "parameter",
			status: 400, err: "invalid_request"},
		"other client": {change: set("client_id", "other.example"), rule: "client_id", status: 401,
			err: "invalid_client"},
		"no grant type": {change: func(_ *http.Request, f url.Values) { f.Del("grant_type") }, rule: "parameter",
			status: 400, err: "invalid_request"},
		"password": {change: set("grant_type", "password"), rule: "grant_type", status: 400,
			err: "unsupported_grant_type"},
		"secret":                    {change: set("client_secret", "x"), rule: "parameter", status: 200},
		"credentials in the header": {change: header("Authorization", "Basic eA=="), rule: "headers", status: 200},
		"no request id": {change: func(r *http.Request, _ url.Values) { r.Header.Del(requestID) }, rule: "ids",
			status: 400, err: "invalid_request"},
		"correlation no UUID": {change: header(correlationID, "1"), rule: "ids", status: 400, err: "invalid_request"},
		"other correlation":   {change: header(correlationID, uuid.NewString()), rule: "correlation", status: 200},
		"JSON": {change: header("Content-Type", "application/json"), rule: "content type", status: 400,
			err: "invalid_request"},
		"query in the address": {change: func(r *http.Request, _ url.Values) { r.URL.RawQuery = "a=b" },
			rule: "parameter", status: 200},
	} {
		code, correlation := n.approvedCode("huisartslinde", "53")
		form := tokenRequest(code)
		r := n.newTokenRequest("huisartslinde", "53", correlation, form)
		tt.change(r, form)
		changed := n.newTokenRequest("huisartslinde", "53", correlation, form)
		changed.Header, changed.URL = r.Header, r.URL
		got := n.mustRespond(n.do(changed))
		a, refused := decodeToken(t, got)
		if got.status != tt.status || refused.Error != tt.err || (a.AccessToken != "") != (tt.status == 200) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if tt.rule == "" {
			n.assertNoViolations()
		} else {
			n.assertViolation(tt.rule)
		}
	}
	if got := n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(),
		nil))); got.status != http.StatusBadRequest {
		t.Errorf("an empty form: %d", got.status)
	}
}

// TestTokenModes sends the same valid request in each mode.
func TestTokenModes(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, tt := range []struct {
		mode   TokenMode
		status int // 0: no response
		holds  string
		again  bool // the code is still valid afterwards
	}{
		{TokenUsed, 400, `"invalid_grant"`, true},
		{TokenExpired, 400, `"invalid_grant"`, true},
		{TokenWrongRedirect, 400, `"invalid_grant"`, true},
		{TokenRevoked, 400, `"invalid_grant"`, true},
		{TokenSlow, 200, `"access_token"`, false},
		{TokenLate, 200, `"access_token"`, false},
		{TokenCut, 0, "", false},
		{TokenHTML, 200, "<!doctype html>", true},
		{TokenNotJSON, 200, `{"access_token"`, false},
		{TokenEmpty, 200, "", false},
		{TokenEndless, 200, `{"access_token"`, true},
		{TokenNoToken, 200, `"token_type":"Bearer"`, false},
		{TokenNotBearer, 200, `"token_type":"mac"`, false},
		{TokenRedirect, 302, "", true},
		{"invalid_client", 401, `"invalid_client"`, true},
		{"invalid_scope", 400, `"invalid_scope"`, true},
		{"unauthorized_client", 400, `"unauthorized_client"`, true},
		{"500", 500, "", true},
		{"503", 503, "", true},
	} {
		code, correlation := n.approvedCode("balanspunt", "53")
		n.s.SetBehaviour("balanspunt",
			Behaviour{Token: tt.mode, TokenTimes: 1, Slow: time.Millisecond, Late: time.Millisecond})
		got, err := n.do(n.newTokenRequest("balanspunt", "53", correlation, tokenRequest(code)))
		if got.status != tt.status || (err != nil) != (tt.status == 0) ||
			!strings.Contains(string(got.body), tt.holds) {
			t.Errorf("%s: %d, %v, %.200s", tt.mode, got.status, err, got.body)
		}
		if wait := got.header.Get("Retry-After"); (wait != "") != (tt.mode == "503") {
			t.Errorf("%s: Retry-After %q", tt.mode, wait)
		}
		got = n.mustRespond(n.do(n.newTokenRequest("balanspunt", "53", correlation, tokenRequest(code))))
		if (got.status == http.StatusOK) != tt.again {
			t.Errorf("%s: afterwards %d %s", tt.mode, got.status, got.body)
		}
		if !tt.again {
			n.assertViolation("code")
		}
	}
	n.assertNoViolations()
	for _, m := range TokenModes {
		if err := n.s.SetByName("token", string(m)); err != nil {
			t.Error(err)
		}
	}
}

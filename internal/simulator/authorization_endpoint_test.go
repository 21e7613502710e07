package simulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAuthorizeModes sends the same valid request in each mode.
func TestAuthorizeModes(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, tt := range []struct {
		mode   AuthorizeMode
		status int
		err    string
		code   bool
		state  int // 0: that of the request; 1: another; 2: none
	}{
		{mode: AuthorizeAsk, status: 200},
		{mode: AuthorizeApprove, status: 302, code: true},
		{mode: AuthorizeRefuse, status: 302, err: "access_denied"},
		{mode: AuthorizeNoData, status: 200},
		{mode: AuthorizeServerError, status: 302, err: "server_error"},
		{mode: AuthorizeBusy, status: 302, err: "temporarily_unavailable"},
		{mode: AuthorizeUnknownClient, status: 400},
		{mode: AuthorizeWrongState, status: 302, code: true, state: 1},
		{mode: AuthorizeNoState, status: 302, code: true, state: 2},
		{mode: AuthorizeNever, status: 200},
	} {
		n.s.SetBehaviour("huisartslinde", Behaviour{Authorize: tt.mode})
		q := authorizationParams("huisartslinde", "57")
		got := n.get(n.service("huisartslinde", "57").AuthorizeURL + "?" + q.Encode())
		if got.status != tt.status {
			t.Errorf("%s: status %d", tt.mode, got.status)
		}
		if tt.status != http.StatusFound {
			continue
		}
		back, err := url.Parse(got.header.Get("Location"))
		if err != nil || !strings.HasPrefix(got.header.Get("Location"), callback+"?") {
			t.Errorf("%s: redirected to %q", tt.mode, got.header.Get("Location"))
		}
		a := back.Query()
		state := 0
		if a.Get("state") != q.Get("state") {
			state = 1
		}
		if a.Get("state") == "" {
			state = 2
		}
		if a.Get("error") != tt.err || a.Has("code") != tt.code || state != tt.state {
			t.Errorf("%s: redirected with %v", tt.mode, a)
		}
	}
	n.assertNoViolations()
}

// Each parameter is checked. Without a known client there is no redirect.
func TestAuthorizeIsStrict(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	n.s.SetBehaviour("", Behaviour{Authorize: AuthorizeApprove})
	set := func(name, value string) func(url.Values) { return func(q url.Values) { q.Set(name, value) } }
	drop := func(name string) func(url.Values) { return func(q url.Values) { q.Del(name) } }
	for name, tt := range map[string]struct {
		change   func(url.Values)
		rule     string
		status   int
		err      string
		redirect string
	}{
		"right":              {change: func(url.Values) {}, status: 302},
		"unknown is ignored": {change: set("something", "else"), status: 302},
		"loopback": {change: set("redirect_uri", "http://127.0.0.1:8080/callback"), status: 302,
			redirect: "http://127.0.0.1:8080/callback"},
		"no client":       {change: drop("client_id"), rule: "parameter", status: 400},
		"other client":    {change: set("client_id", "other.example"), rule: "client_id", status: 400},
		"no redirect_uri": {change: drop("redirect_uri"), rule: "parameter", status: 400},
		"plain redirect_uri": {change: set("redirect_uri", "http://carrel.example/callback"),
			rule: "redirect_uri", status: 400},
		"redirect_uri with query": {change: set("redirect_uri", callback+"?a=b"), rule: "redirect_uri", status: 400},
		"redirect_uri with hash":  {change: set("redirect_uri", callback+"#a"), rule: "redirect_uri", status: 400},
		"redirect_uri with user": {change: set("redirect_uri", "https://a@carrel.example/"), rule: "redirect_uri",
			status: 400},
		"redirect_uri is no URL": {change: set("redirect_uri", "callback"), rule: "redirect_uri", status: 400},
		"redirect_uri with a policy": {change: set("redirect_uri", "https://x;script-src"), rule: "redirect_uri",
			status: 400},
		"redirect_uri twice": {change: func(q url.Values) { q.Add("redirect_uri", callback) }, rule: "parameter",
			status: 400},
		"no response_type": {change: drop("response_type"), rule: "parameter", status: 302,
			err: "invalid_request"},
		"token": {change: set("response_type", "token"), rule: "response_type", status: 302,
			err: "unsupported_response_type"},
		"no scope": {change: drop("scope"), rule: "parameter", status: 302, err: "invalid_request"},
		"scope of another provider": {change: set("scope", "rivierenland~53"), rule: "scope", status: 302,
			err: "invalid_scope"},
		"scope of another service": {change: set("scope", "huisartslinde~57"), rule: "scope", status: 302,
			err: "invalid_scope"},
		"scope for collecting": {change: set("scope", "huisartslinde"), rule: "scope", status: 302,
			err: "invalid_scope"},
		"scope with medmij": {change: set("scope", "huisartslinde@medmij~53"), rule: "scope", status: 302,
			err: "invalid_scope"},
		"two scopes": {change: set("scope", "huisartslinde~53 huisartslinde~57"), rule: "scope",
			status: 302, err: "invalid_scope"},
		"no state":           {change: drop("state"), rule: "parameter", status: 302, err: "invalid_request"},
		"short state":        {change: set("state", "abc"), rule: "state", status: 302},
		"no request id":      {change: drop(requestID), rule: "ids", status: 302, err: "invalid_request"},
		"request id no UUID": {change: set(requestID, "1"), rule: "ids", status: 302, err: "invalid_request"},
		"no correlation id":  {change: drop(correlationID), rule: "ids", status: 302, err: "invalid_request"},
		"correlation is zero": {change: set(correlationID, nilUUID), rule: "ids", status: 302,
			err: "invalid_request"},
		"one id for both": {change: func(q url.Values) { q.Set(correlationID, q.Get(requestID)) }, rule: "ids",
			status: 302},
		"patient": {change: set("patient", "1"), rule: "person", status: 302, err: "invalid_request"},
		"a citizen service number": {change: set("login_hint", "999999011"), rule: "bsn", status: 302,
			err: "invalid_request"},
	} {
		q := authorizationParams("huisartslinde", "53")
		tt.change(q)
		got := n.get(n.service("huisartslinde", "53").AuthorizeURL + "?" + q.Encode())
		if tt.rule == "" {
			n.assertNoViolations()
		} else {
			n.assertViolation(tt.rule)
		}
		back, err := url.Parse(got.header.Get("Location"))
		if err != nil || got.status != tt.status || back.Query().Get("error") != tt.err ||
			back.Query().Has("code") != (tt.status == 302 && tt.err == "") {
			t.Errorf("%s: %d, %q", name, got.status, got.header.Get("Location"))
		}
		if tt.redirect != "" && !strings.HasPrefix(got.header.Get("Location"), tt.redirect) {
			t.Errorf("%s: redirected to %q", name, got.header.Get("Location"))
		}
	}

	q := authorizationParams("huisartslinde", "53")
	n.authorize("huisartslinde", "53", q)
	n.authorize("huisartslinde", "53", q)
	n.assertNoViolations() // a browser may reload the page
	q.Set("state", newSecret())
	n.authorize("huisartslinde", "53", q)
	n.assertViolation("ids")

	if got := n.get(n.s.FrontURL() + "/huisartslinde/60/authorize"); got.status != http.StatusNotFound {
		t.Errorf("a service that is not offered: %d", got.status)
	}
}

// The scope for collecting is the provider's name, for all its services.
func TestCollectingScope(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	n.s.SetBehaviour("", Behaviour{Authorize: AuthorizeApprove})
	q := authorizationParams("apotheekdebrug", "48")
	q.Set("scope", "apotheekdebrug")
	code := n.authorize("apotheekdebrug", "48", q).Get("code")
	got := n.mustRespond(n.do(n.newTokenRequest("apotheekdebrug", "48", q.Get(correlationID), tokenRequest(code))))
	if !strings.Contains(string(got.body), `"scope":"48 49"`) {
		t.Errorf("token %s", got.body)
	}
	n.assertNoViolations()
	n.get(n.service("apotheekdebrug", "48").AuthorizeURL + "?" + authorizationParams("apotheekdebrug", "48").Encode())
	n.assertViolation("scope")
}

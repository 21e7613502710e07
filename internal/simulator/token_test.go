package simulator

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// code gets a code for a right run.
func (n *node) code(provider, service string) (code, correlation string) {
	n.Helper()
	before := n.s.Behaviour(provider)
	b := before
	b.Authorize = AuthorizeApprove
	n.s.Behave(provider, b)
	q := ask(provider, service)
	code = n.authorize(provider, service, q).Get("code")
	n.s.Behave(provider, before)
	return code, q.Get(correlationID)
}

// tokenReply reads what a token endpoint said.
func tokenReply(t *testing.T, r reply) (a tokenAnswer, refused tokenRefusal) {
	t.Helper()
	if json.Unmarshal(r.body, &a) != nil || json.Unmarshal(r.body, &refused) != nil {
		t.Errorf("answered %d: %s", r.status, r.body)
	}
	return a, refused
}

func TestTokenIsStrict(t *testing.T) {
	n := start(t)
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
		"right":                {change: func(*http.Request, url.Values) {}, status: 200},
		"unknown code":         {change: set("code", "unknown"), status: 400, err: "invalid_grant"},
		"other redirect":       {change: set("redirect_uri", callback+"/other"), rule: "redirect_uri", status: 400, err: "invalid_grant"},
		"no redirect":          {change: func(_ *http.Request, f url.Values) { f.Del("redirect_uri") }, rule: "parameter", status: 400, err: "invalid_request"},
		"no code":              {change: func(_ *http.Request, f url.Values) { f.Del("code") }, rule: "parameter", status: 400, err: "invalid_request"},
		"other client":         {change: set("client_id", "other.example"), rule: "client_id", status: 401, err: "invalid_client"},
		"no grant type":        {change: func(_ *http.Request, f url.Values) { f.Del("grant_type") }, rule: "parameter", status: 400, err: "invalid_request"},
		"password":             {change: set("grant_type", "password"), rule: "grant_type", status: 400, err: "unsupported_grant_type"},
		"secret":               {change: set("client_secret", "x"), rule: "parameter", status: 200},
		"in the header":        {change: header("Authorization", "Basic eA=="), rule: "headers", status: 200},
		"no request id":        {change: func(r *http.Request, _ url.Values) { r.Header.Del(requestID) }, rule: "ids", status: 400, err: "invalid_request"},
		"correlation no UUID":  {change: header(correlationID, "1"), rule: "ids", status: 400, err: "invalid_request"},
		"other correlation":    {change: header(correlationID, uuid.NewString()), rule: "correlation", status: 200},
		"JSON":                 {change: header("Content-Type", "application/json"), rule: "content type", status: 400, err: "invalid_request"},
		"query in the address": {change: func(r *http.Request, _ url.Values) { r.URL.RawQuery = "a=b" }, rule: "parameter", status: 200},
	} {
		code, correlation := n.code("huisartslinde", "53")
		form := tokenRequest(code)
		r := n.newToken("huisartslinde", "53", correlation, form)
		tt.change(r, form)
		changed := n.newToken("huisartslinde", "53", correlation, form)
		changed.Header, changed.URL = r.Header, r.URL
		got := n.must(n.do(changed))
		a, refused := tokenReply(t, got)
		if got.status != tt.status || refused.Error != tt.err || (a.AccessToken != "") != (tt.status == 200) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if tt.rule == "" {
			n.clean()
		} else {
			n.broke(tt.rule)
		}
	}
	if got := n.must(n.do(n.newToken("huisartslinde", "53", uuid.NewString(), nil))); got.status != http.StatusBadRequest {
		t.Errorf("an empty form: %d", got.status)
	}
}

// A code works once, for a quarter of an hour, at the service that it is of.
func TestCodes(t *testing.T) {
	n := start(t)
	code, correlation := n.code("rivierenland", "60")
	try := func(service string) tokenRefusal {
		t.Helper()
		_, refused := tokenReply(t, n.must(n.do(n.newToken("rivierenland", service, correlation, tokenRequest(code)))))
		return refused
	}
	if got := try("53"); got.Error != "invalid_grant" || got.Description != errUnknown.Error() {
		t.Errorf("at another service: %+v", got)
	}
	if got := try("60"); got.Error != "" {
		t.Errorf("the first time: %+v", got)
	}
	n.clean()
	if got := try("60"); got.Error != "invalid_grant" || got.Description != errUsed.Error() {
		t.Errorf("the second time: %+v", got)
	}
	n.broke("code")
	code, correlation = n.code("rivierenland", "60")
	n.clock.pass(defaultCodeLife)
	if got := try("60"); got.Error != "invalid_grant" || got.Description != errExpired.Error() {
		t.Errorf("too late: %+v", got)
	}
	n.clean()
}

// Refresh tokens come when they are switched on, and a new one at each use.
func TestRefreshTokens(t *testing.T) {
	n := start(t)
	if c := n.connect("huisartslinde", "53"); c.refresh != "" {
		t.Error("got a refresh token though nobody switched that on")
	}
	n.s.Behave("", Behaviour{RefreshTokens: true, AccessTokenLife: time.Minute})
	c := n.connect("huisartslinde", "53")
	used := []string{c.refresh}
	for range 3 {
		got := n.must(n.do(n.newToken("huisartslinde", "53", uuid.NewString(), refreshRequest(used[len(used)-1]))))
		a, _ := tokenReply(t, got)
		if got.status != http.StatusOK || a.RefreshToken == "" || slices.Contains(used, a.RefreshToken) || a.ExpiresIn != 60 || a.TokenType != "Bearer" || a.Scope != "53" {
			t.Fatalf("refresh: %d %s", got.status, got.body)
		}
		used = append(used, a.RefreshToken)
	}
	n.clean()
	for _, token := range used[:3] {
		if _, refused := tokenReply(t, n.must(n.do(n.newToken("huisartslinde", "53", uuid.NewString(), refreshRequest(token))))); refused.Error != "invalid_grant" {
			t.Errorf("a used refresh token: %+v", refused)
		}
	}
	n.must(n.do(n.newToken("huisartslinde", "53", c.correlation, refreshRequest(c.refresh))))
	n.clean() // it was refused before its correlation id counted
	last := used[len(used)-1]
	n.s.Revoke("rivierenland")
	n.clock.pass(defaultRefreshLife - time.Minute)
	a, _ := tokenReply(t, n.must(n.do(n.newToken("huisartslinde", "53", uuid.NewString(), refreshRequest(last)))))
	if a.RefreshToken == "" {
		t.Error("the refresh token did not live for half a year")
	}
	n.s.Revoke("huisartslinde")
	if _, refused := tokenReply(t, n.must(n.do(n.newToken("huisartslinde", "53", uuid.NewString(), refreshRequest(a.RefreshToken))))); refused.Error != "invalid_grant" {
		t.Errorf("after the consent was taken back: %+v", refused)
	}
	n.clean()
}

// What each way answers to the same right request.
func TestTokenModes(t *testing.T) {
	n := start(t)
	for _, tt := range []struct {
		mode   TokenMode
		status int // 0: no answer
		holds  string
		again  bool // the code is still good afterwards
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
		{TokenMAC, 200, `"token_type":"mac"`, false},
		{TokenRedirect, 302, "", true},
		{"invalid_client", 401, `"invalid_client"`, true},
		{"invalid_scope", 400, `"invalid_scope"`, true},
		{"unauthorized_client", 400, `"unauthorized_client"`, true},
		{"500", 500, "", true},
		{"503", 503, "", true},
	} {
		code, correlation := n.code("balanspunt", "53")
		n.s.Behave("balanspunt", Behaviour{Token: tt.mode, TokenTimes: 1, Slow: time.Millisecond, Late: time.Millisecond})
		got, err := n.do(n.newToken("balanspunt", "53", correlation, tokenRequest(code)))
		if got.status != tt.status || (err != nil) != (tt.status == 0) || !strings.Contains(string(got.body), tt.holds) {
			t.Errorf("%s: %d, %v, %.200s", tt.mode, got.status, err, got.body)
		}
		if wait := got.header.Get("Retry-After"); (wait != "") != (tt.mode == "503") {
			t.Errorf("%s: Retry-After %q", tt.mode, wait)
		}
		got = n.must(n.do(n.newToken("balanspunt", "53", correlation, tokenRequest(code))))
		if (got.status == http.StatusOK) != tt.again {
			t.Errorf("%s: afterwards %d %s", tt.mode, got.status, got.body)
		}
		if !tt.again {
			n.broke("code")
		}
	}
	n.clean()
	for _, m := range TokenModes {
		if err := n.s.Set("token", string(m)); err != nil {
			t.Error(err)
		}
	}
}

// Secrets are all that was given out, and none of them is in a violation or a filing.
func TestSecretsAreKnown(t *testing.T) {
	n := start(t)
	n.s.Behave("", Behaviour{RefreshTokens: true})
	c := n.connect("huisartslinde", "53")
	secrets := n.s.Secrets()
	if len(secrets) != 3 || !slices.Contains(secrets, c.access) || !slices.Contains(secrets, c.refresh) {
		t.Errorf("%d secrets", len(secrets))
	}
	r := c.request(http.MethodGet, "/Patient?patient=1&access_token="+c.access, nil)
	n.must(n.do(r))
	c.send(http.MethodPost, "", measurements("batch", "run"))
	said, err := json.Marshal([]any{n.s.Violations(), n.s.Filed(), n.s.Received(), n.s.Attempts(), n.s.Refused()})
	if err != nil || len(n.s.Violations()) == 0 {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(string(said), secret) {
			t.Error("the record holds a secret")
		}
	}
}

// What has long expired is forgotten; what has just expired still says so.
func TestSweep(t *testing.T) {
	g := newGrants()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	r := &run{provider: "p", service: "53"}
	code := g.addCode(r, "", now, time.Minute)
	access, refresh, _, err := g.redeem(code, "", now, time.Minute, 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	unused := g.addCode(r, "", now, time.Minute)
	now = now.Add(2 * time.Hour)
	g.addCode(r, "", now, time.Minute)
	if _, err := g.bearer(access, now); !errors.Is(err, errExpired) {
		t.Errorf("an expired access token: %v", err)
	}
	now = now.Add(keepExpired)
	if _, _, _, err := g.redeem(refresh, "", now, time.Minute, 0); err != nil {
		t.Errorf("a refresh token that lives: %v", err)
	}
	if g.codes[unused] != nil || g.codes[code] != nil || g.access[access] != nil || len(g.access) != 1 || len(g.refresh) != 1 {
		t.Errorf("%d codes, %d access tokens, %d refresh tokens are left", len(g.codes), len(g.access), len(g.refresh))
	}
}

func TestAttemptsBounded(t *testing.T) {
	r := newRecord()
	for i := range keepAttempts + 5 {
		r.attempt(Attempt{Status: i})
	}
	if n := len(r.attempts); n != keepAttempts || r.attempts[n-1].Status != keepAttempts+4 {
		t.Errorf("%d attempts, the last %+v", n, r.attempts[n-1])
	}
}

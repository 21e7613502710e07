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

// tokenReply reads what a token endpoint said.
func decodeToken(t *testing.T, r testResponse) (a tokenResponse, refused tokenErrorResponse) {
	t.Helper()
	if json.Unmarshal(r.body, &a) != nil || json.Unmarshal(r.body, &refused) != nil {
		t.Errorf("answered %d: %s", r.status, r.body)
	}
	return a, refused
}

func TestTokenIsStrict(t *testing.T) {
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
	if got := n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(), nil))); got.status != http.StatusBadRequest {
		t.Errorf("an empty form: %d", got.status)
	}
}

// A code works once, for a quarter of an hour, at the service that it is of.
func TestCodes(t *testing.T) {
	n := startSimulator(t)
	code, correlation := n.approvedCode("rivierenland", "60")
	try := func(service string) tokenErrorResponse {
		t.Helper()
		_, refused := decodeToken(t, n.mustRespond(n.do(n.newTokenRequest("rivierenland", service, correlation, tokenRequest(code)))))
		return refused
	}
	if got := try("53"); got.Error != "invalid_grant" || got.Description != errUnknown.Error() {
		t.Errorf("at another service: %+v", got)
	}
	if got := try("60"); got.Error != "" {
		t.Errorf("the first time: %+v", got)
	}
	n.assertNoViolations()
	if got := try("60"); got.Error != "invalid_grant" || got.Description != errUsed.Error() {
		t.Errorf("the second time: %+v", got)
	}
	n.assertViolation("code")
	code, correlation = n.approvedCode("rivierenland", "60")
	n.clock.advance(defaultCodeLife)
	if got := try("60"); got.Error != "invalid_grant" || got.Description != errExpired.Error() {
		t.Errorf("too late: %+v", got)
	}
	n.assertNoViolations()
}

// Refresh tokens come when they are switched on, and a new one at each use.
func TestRefreshTokens(t *testing.T) {
	n := startSimulator(t)
	if c := n.connect("huisartslinde", "53"); c.refresh != "" {
		t.Error("got a refresh token though nobody switched that on")
	}
	n.s.SetBehaviour("", Behaviour{RefreshTokens: true, AccessTokenLife: time.Minute})
	c := n.connect("huisartslinde", "53")
	used := []string{c.refresh}
	for range 3 {
		got := n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(), refreshRequest(used[len(used)-1]))))
		a, _ := decodeToken(t, got)
		if got.status != http.StatusOK || a.RefreshToken == "" || slices.Contains(used, a.RefreshToken) || a.ExpiresIn != 60 || a.TokenType != "Bearer" || a.Scope != "53" {
			t.Fatalf("refresh: %d %s", got.status, got.body)
		}
		used = append(used, a.RefreshToken)
	}
	n.assertNoViolations()
	for _, token := range used[:3] {
		if _, refused := decodeToken(t, n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(), refreshRequest(token))))); refused.Error != "invalid_grant" {
			t.Errorf("a used refresh token: %+v", refused)
		}
	}
	n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", c.correlation, refreshRequest(c.refresh))))
	n.assertNoViolations() // it was refused before its correlation id counted
	last := used[len(used)-1]
	n.s.Revoke("rivierenland")
	n.clock.advance(defaultRefreshLife - time.Minute)
	a, _ := decodeToken(t, n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(), refreshRequest(last)))))
	if a.RefreshToken == "" {
		t.Error("the refresh token did not live for half a year")
	}
	n.s.Revoke("huisartslinde")
	if _, refused := decodeToken(t, n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(), refreshRequest(a.RefreshToken))))); refused.Error != "invalid_grant" {
		t.Errorf("after the consent was taken back: %+v", refused)
	}
	n.assertNoViolations()
}

// What each way answers to the same right request.
func TestTokenModes(t *testing.T) {
	n := startSimulator(t)
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
		{TokenNotBearer, 200, `"token_type":"mac"`, false},
		{TokenRedirect, 302, "", true},
		{"invalid_client", 401, `"invalid_client"`, true},
		{"invalid_scope", 400, `"invalid_scope"`, true},
		{"unauthorized_client", 400, `"unauthorized_client"`, true},
		{"500", 500, "", true},
		{"503", 503, "", true},
	} {
		code, correlation := n.approvedCode("balanspunt", "53")
		n.s.SetBehaviour("balanspunt", Behaviour{Token: tt.mode, TokenTimes: 1, Slow: time.Millisecond, Late: time.Millisecond})
		got, err := n.do(n.newTokenRequest("balanspunt", "53", correlation, tokenRequest(code)))
		if got.status != tt.status || (err != nil) != (tt.status == 0) || !strings.Contains(string(got.body), tt.holds) {
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

// Secrets are all that was given out, and none of them is in a violation or a filing.
func TestSecretsAreKnown(t *testing.T) {
	n := startSimulator(t)
	n.s.SetBehaviour("", Behaviour{RefreshTokens: true})
	c := n.connect("huisartslinde", "53")
	secrets := n.s.Secrets()
	if len(secrets) != 3 || !slices.Contains(secrets, c.access) || !slices.Contains(secrets, c.refresh) {
		t.Errorf("%d secrets", len(secrets))
	}
	r := c.request(http.MethodGet, "/Patient?patient=1&access_token="+c.access, nil)
	n.mustRespond(n.do(r))
	c.send(http.MethodPost, "", measurementsBundle("batch", "run"))
	said, err := json.Marshal([]any{n.s.Violations(), n.s.Filed(), n.s.Received(), n.s.ResourceRequests(), n.s.RefusedConnections()})
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
	r := &pendingAuthorization{provider: "p", service: "53"}
	code := g.issueCode(r, "", now, time.Minute)
	access, refresh, _, err := g.redeem(code, "", now, time.Minute, 365*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	unused := g.issueCode(r, "", now, time.Minute)
	now = now.Add(2 * time.Hour)
	g.issueCode(r, "", now, time.Minute)
	if _, err := g.getAccessToken(access, now); !errors.Is(err, errExpired) {
		t.Errorf("an expired access token: %v", err)
	}
	now = now.Add(expiredRetention)
	if _, _, _, err := g.redeem(refresh, "", now, time.Minute, 0); err != nil {
		t.Errorf("a refresh token that lives: %v", err)
	}
	if g.codes[unused] != nil || g.codes[code] != nil || g.access[access] != nil || len(g.access) != 1 || len(g.refresh) != 1 {
		t.Errorf("%d codes, %d access tokens, %d refresh tokens are left", len(g.codes), len(g.access), len(g.refresh))
	}
}

func TestAttemptsBounded(t *testing.T) {
	r := newRecord()
	for i := range maxRequests + 5 {
		r.addRequest(ResourceRequest{Status: i})
	}
	if n := len(r.requests); n != maxRequests || r.requests[n-1].Status != maxRequests+4 {
		t.Errorf("%d attempts, the last %+v", n, r.requests[n-1])
	}
}

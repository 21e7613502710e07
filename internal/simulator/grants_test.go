package simulator

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A code is valid for 15 minutes and for its service, and can be used once.
func TestCodes(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	code, correlation := n.approvedCode("rivierenland", "60")
	try := func(service string) tokenErrorResponse {
		t.Helper()
		_, refused := decodeToken(t,
			n.mustRespond(n.do(n.newTokenRequest("rivierenland", service, correlation, tokenRequest(code)))))
		return refused
	}
	if got := try("53"); got.Error != "invalid_grant" || got.Description != errUnknown.Error() {
		t.Errorf("for another service: %+v", got)
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

// Refresh tokens are issued if the behaviour says so. Each use of a refresh token issues a new one.
func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	if c := n.connect("huisartslinde", "53"); c.refresh != "" {
		t.Error("got a refresh token although the behaviour has none")
	}
	n.s.SetBehaviour("", Behaviour{RefreshTokens: true, AccessTokenLife: time.Minute})
	c := n.connect("huisartslinde", "53")
	used := []string{c.refresh}
	for range 3 {
		got := n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(),
			refreshRequest(used[len(used)-1]))))
		a, _ := decodeToken(t, got)
		if got.status != http.StatusOK || a.RefreshToken == "" || slices.Contains(used, a.RefreshToken) ||
			a.ExpiresIn != 60 || a.TokenType != "Bearer" || a.Scope != "53" {
			t.Fatalf("refresh: %d %s", got.status, got.body)
		}
		used = append(used, a.RefreshToken)
	}
	n.assertNoViolations()
	for _, token := range used[:3] {
		if _, refused := decodeToken(t,
			n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(),
				refreshRequest(token))))); refused.Error != "invalid_grant" {
			t.Errorf("a used refresh token: %+v", refused)
		}
	}
	n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", c.correlation, refreshRequest(c.refresh))))
	n.assertNoViolations() // the token is refused before the correlation id is checked
	last := used[len(used)-1]
	n.s.Revoke("rivierenland")
	n.clock.advance(defaultRefreshLife - time.Minute)
	a, _ := decodeToken(t,
		n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(), refreshRequest(last)))))
	if a.RefreshToken == "" {
		t.Error("the refresh token was not valid for half a year")
	}
	n.s.Revoke("huisartslinde")
	if _, refused := decodeToken(t,
		n.mustRespond(n.do(n.newTokenRequest("huisartslinde", "53", uuid.NewString(),
			refreshRequest(a.RefreshToken))))); refused.Error != "invalid_grant" {
		t.Errorf("after the consent was revoked: %+v", refused)
	}
	n.assertNoViolations()
}

// A credential is deleted a day after it has expired.
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
		t.Errorf("a valid refresh token: %v", err)
	}
	if g.codes[unused] != nil || g.codes[code] != nil || g.access[access] != nil || len(g.access) != 1 ||
		len(g.refresh) != 1 {
		t.Errorf("%d codes, %d access tokens, %d refresh tokens are left", len(g.codes), len(g.access), len(g.refresh))
	}
}

// An access token is valid for 15 minutes, or as long as the behaviour says, and until the
// consent is revoked.
func TestAccessTokens(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	status := func() int { return c.send(http.MethodGet, "/Observation", nil).status }
	n.clock.advance(defaultAccessLife - time.Second)
	if got := status(); got != http.StatusOK {
		t.Errorf("in time: %d", got)
	}
	n.clock.advance(time.Second)
	got := c.send(http.MethodGet, "/Observation", nil)
	if got.status != http.StatusUnauthorized ||
		!strings.Contains(got.header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("too late: %d %q", got.status, got.header.Get("WWW-Authenticate"))
	}
	n.s.SetBehaviour("", Behaviour{AccessTokenLife: time.Second})
	c = n.connect("huisartslinde", "53")
	n.clock.advance(time.Second)
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("after a short lifetime: %d", got)
	}
	n.s.SetBehaviour("", Behaviour{})
	c = n.connect("huisartslinde", "53")
	n.s.Revoke("")
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("after the revocation: %d", got)
	}
	n.assertNoViolations()
}

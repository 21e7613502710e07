package simulator

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// The defaults of a Behaviour.
const (
	defaultAccessLife  = 15 * time.Minute
	defaultCodeLife    = 15 * time.Minute
	defaultRefreshLife = 183 * 24 * time.Hour
	defaultSlow        = 10 * time.Second
	defaultLate        = 65 * time.Second
	defaultRetryAfter  = time.Second
)

// expiredRetention is how long an expired credential is kept, so that the error says
// "expired".
const expiredRetention = 24 * time.Hour

// maxPending is the largest number of pending authorizations.
const maxPending = 10_000

// pendingAuthorization is an authorization request for which the person has not decided
// yet.
//
//	request ──► pending ──approve──► code ──token request──► grant ──► access token
//	               │                  │                       └─────► refresh token ─┐
//	               └──deny──► end     └──15 minutes──► end                  ▲        │
//	                                                                        └────────┘
type pendingAuthorization struct {
	id                string
	provider, service string
	scope             []string // services
	redirect, state   string
	correlation       string
	rawQuery          string // of the request; it is the same when the browser reloads the page
	started           time.Time
}

// grant is what a person approved.
type grant struct {
	provider string
	services []string
	patient  string
	revoked  bool
}

// credential is a code, an access token or a refresh token.
type credential struct {
	grant       *grant
	service     string // the service whose endpoint accepts it
	correlation string
	redirect    string // of a code
	expires     time.Time
	used        bool
}

// The reasons why a credential is not valid.
var (
	errUnknown  = errors.New("not known")
	errUsed     = errors.New("used before")
	errExpired  = errors.New("expired")
	errRevoked  = errors.New("the consent was revoked")
	errRedirect = errors.New("redirect_uri differs from that of the authorization request")
)

// grants are the pending authorizations and the issued credentials.
type grants struct {
	mu        sync.Mutex
	pending   map[string]*pendingAuthorization
	order     []string // of pending, oldest first
	codes     map[string]*credential
	access    map[string]*credential
	refresh   map[string]*credential
	lastSweep time.Time // of the credentials

	// deciding lets one decision after the other be handled. decided has the redirect of each, for a browser that sends
	// the form twice.
	deciding sync.Mutex
	decided  map[string]decision
}

// decision is where the browser was redirected after the person decided.
type decision struct {
	redirect string
	at       time.Time
}

func newGrants() *grants {
	return &grants{pending: map[string]*pendingAuthorization{}, codes: map[string]*credential{},
		access: map[string]*credential{}, refresh: map[string]*credential{}, decided: map[string]decision{}}
}

// newSecret returns 256 random bits in base64url.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// addPending adds a pending authorization. If one for the same request is pending, it returns that
// one.
func (g *grants) addPending(n pendingAuthorization) *pendingAuthorization {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.pending {
		if r.rawQuery == n.rawQuery && r.provider == n.provider && r.service == n.service {
			return r
		}
	}
	for len(g.order) >= maxPending {
		delete(g.pending, g.order[0])
		g.order = g.order[1:]
	}
	n.id = newSecret()
	g.pending[n.id] = &n
	g.order = append(g.order, n.id)
	return &n
}

// getPending returns a pending authorization, unless it has expired.
func (g *grants) getPending(id string, now time.Time) (*pendingAuthorization, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, ok := g.pending[id]
	return r, ok && now.Before(r.started.Add(defaultCodeLife))
}

// takePending removes a pending authorization and returns it, unless it has expired. Only one
// caller gets it.
func (g *grants) takePending(id string, now time.Time) (*pendingAuthorization, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	r, ok := g.pending[id]
	delete(g.pending, id)
	g.order = slices.DeleteFunc(g.order, func(other string) bool { return other == id })
	return r, ok && now.Before(r.started.Add(defaultCodeLife))
}

// deleteExpired deletes credentials a day after they have expired. It does so once an hour.
func (g *grants) deleteExpired(now time.Time) {
	if now.Before(g.lastSweep.Add(time.Hour)) {
		return
	}
	g.lastSweep = now
	for _, all := range []map[string]*credential{g.codes, g.access, g.refresh} {
		maps.DeleteFunc(all, func(_ string, c *credential) bool { return c.expires.Add(expiredRetention).Before(now) })
	}
}

// issueCode issues a code for an approved authorization.
func (g *grants) issueCode(r *pendingAuthorization, patient string, now time.Time, life time.Duration) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deleteExpired(now)
	text := newSecret()
	g.codes[text] = &credential{
		grant:   &grant{provider: r.provider, services: r.scope, patient: patient},
		service: r.service, correlation: r.correlation, redirect: r.redirect, expires: now.Add(life),
	}
	return text
}

// check returns why a credential is not valid, or nil.
func (c *credential) check(provider, service string, now time.Time) error {
	switch {
	case c == nil || c.grant.provider != provider || c.service != service:
		return errUnknown
	case c.grant.revoked:
		return errRevoked
	case c.used:
		return errUsed
	case !now.Before(c.expires):
		return errExpired
	}
	return nil
}

// getCode returns a code if it is valid. The code can still be redeemed afterwards.
func (g *grants) getCode(text, provider, service, redirect string, now time.Time) (credential, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.codes[text]
	if err := c.check(provider, service, now); err != nil {
		return credential{}, err
	}
	if c.redirect != redirect {
		return *c, errRedirect
	}
	return *c, nil
}

// getRefreshToken returns a refresh token if it is valid. It can still be redeemed afterwards.
func (g *grants) getRefreshToken(text, provider, service string, now time.Time) (credential, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.refresh[text]
	if err := c.check(provider, service, now); err != nil {
		return credential{}, err
	}
	return *c, nil
}

// redeem marks a code or a refresh token as used, and issues an access token and, if refreshLife
// is not 0, a refresh token. It fails if the code or token was used before.
func (g *grants) redeem(
	text, correlation string, now time.Time, accessLife, refreshLife time.Duration,
) (access, refresh string, services []string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deleteExpired(now)
	c := g.codes[text]
	if c == nil {
		c = g.refresh[text]
	}
	if c == nil {
		return "", "", nil, errUnknown
	}
	if c.used {
		return "", "", nil, errUsed
	}
	c.used = true
	access = newSecret()
	g.access[access] = &credential{grant: c.grant, service: c.service, correlation: correlation,
		expires: now.Add(accessLife)}
	if refreshLife > 0 {
		refresh = newSecret()
		g.refresh[refresh] = &credential{grant: c.grant, service: c.service, correlation: correlation,
			expires: now.Add(refreshLife)}
	}
	return access, refresh, c.grant.services, nil
}

// getAccessToken returns an access token if it is valid.
func (g *grants) getAccessToken(text string, now time.Time) (credential, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.access[text]
	if c == nil {
		return credential{}, errUnknown
	}
	if err := c.check(c.grant.provider, c.service, now); err != nil {
		return credential{}, err
	}
	return *c, nil
}

// Revoke revokes the consents at a provider, or at all providers if it is "". Their codes
// and tokens are no longer valid.
func (s *Simulator) Revoke(provider string) {
	g := s.grants
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, all := range []map[string]*credential{g.codes, g.access, g.refresh} {
		for _, c := range all {
			if provider == "" || c.grant.provider == provider {
				c.grant.revoked = true
			}
		}
	}
}

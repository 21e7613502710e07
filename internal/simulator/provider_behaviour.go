package simulator

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Behaviour is how a provider behaves. A provider with the zero value asks the person,
// issues no refresh tokens and has no failures.
type Behaviour struct {
	// The modes of the endpoints.
	Authorize AuthorizeMode
	Token     TokenMode
	Resource  ResourceMode

	// TokenTimes and ResourceTimes limit Token and Resource to that many requests. 0 means
	// no limit.
	TokenTimes, ResourceTimes int

	// RefreshTokens issues refresh tokens, a new one at each use.
	RefreshTokens bool

	AccessTokenLife  time.Duration // 15 minutes when 0
	CodeLife         time.Duration // 15 minutes when 0
	RefreshTokenLife time.Duration // 183 days when 0

	Slow       time.Duration // the delay of a slow response; 10 s when 0
	Late       time.Duration // the delay of a response after the timeout; 65 s when 0
	RetryAfter time.Duration // the header with 429 and 503; 1 s when 0, none when negative

	// BadEndpoint moves the token and resource endpoints to a bad endpoint, in the next
	// publication of the list of providers.
	BadEndpoint BadEndpoint
}

func (b Behaviour) check() error {
	switch {
	case !slices.Contains(AuthorizeModes, b.Authorize):
		return fmt.Errorf("no such mode of the authorization endpoint: %q", b.Authorize)
	case !slices.Contains(TokenModes, b.Token):
		return fmt.Errorf("no such mode of the token endpoint: %q", b.Token)
	case !slices.Contains(ResourceModes, b.Resource):
		return fmt.Errorf("no such mode of the resource endpoint: %q", b.Resource)
	case !validBadEndpoint(b.BadEndpoint):
		return fmt.Errorf("no such bad endpoint: %q", b.BadEndpoint)
	}
	return nil
}

// behaviours are the current behaviours of all providers.
type behaviours struct {
	mu         sync.Mutex
	common     Behaviour
	byProvider map[string]*Behaviour
	remaining  map[string]int // how many requests a mode still applies to, by "token/name" or "resource/name"
}

func newBehaviours() *behaviours {
	return &behaviours{byProvider: map[string]*Behaviour{}, remaining: map[string]int{}}
}

func (c *behaviours) get(provider string) Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.getLocked(provider)
}

func (c *behaviours) getLocked(provider string) Behaviour {
	if b := c.byProvider[provider]; b != nil {
		return *b
	}
	return c.common
}

// forTokenRequest returns the behaviour for a request at a token endpoint, and counts it.
func (c *behaviours) forTokenRequest(provider string) Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.getLocked(provider)
	if b.Token != TokenOK && b.TokenTimes > 0 && !c.countDown("token/"+provider, b.TokenTimes) {
		b.Token = TokenOK
	}
	return b
}

// forResourceRequest returns the behaviour for a request at a resource endpoint, and counts it.
func (c *behaviours) forResourceRequest(provider string) Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.getLocked(provider)
	if b.Resource != ResourceOK && b.ResourceTimes > 0 && !c.countDown("resource/"+provider, b.ResourceTimes) {
		b.Resource = ResourceOK
	}
	return b
}

// countDown counts a request, and reports whether it is one of the first requests, to which the
// mode applies. times is their number, and what the key in remaining.
func (c *behaviours) countDown(what string, times int) bool {
	left, begun := c.remaining[what]
	if !begun {
		left = times
	}
	if left <= 0 {
		return false
	}
	c.remaining[what] = left - 1
	return true
}

// set replaces the behaviour of a provider, or of all if provider is "", and reports
// whether endpoints have moved.
func (c *behaviours) set(provider string, b Behaviour) (moved bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	moved = c.getLocked(provider).BadEndpoint != b.BadEndpoint
	if provider == "" {
		for _, one := range c.byProvider {
			moved = moved || one.BadEndpoint != b.BadEndpoint
		}
		c.common, c.byProvider, c.remaining = b, map[string]*Behaviour{}, map[string]int{}
		return moved
	}
	c.byProvider[provider] = &b
	delete(c.remaining, "token/"+provider)
	delete(c.remaining, "resource/"+provider)
	return moved
}

// update changes the behaviour of a provider, or of all if provider is "", and reports
// whether endpoints have moved.
func (c *behaviours) update(provider string, how func(*Behaviour) error) (moved bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[string]Behaviour{provider: c.getLocked(provider)}
	if provider == "" {
		for name, b := range c.byProvider {
			all[name] = *b
		}
	}
	for name, b := range all {
		before := b.BadEndpoint
		if err := how(&b); err != nil {
			return false, err
		}
		moved = moved || b.BadEndpoint != before
		all[name] = b
	}
	for name, b := range all {
		if name == "" {
			c.common = b
		} else {
			c.byProvider[name] = &b
		}
	}
	c.remaining = map[string]int{}
	return moved, nil
}

// SetBehaviour replaces the behaviour of a provider, or of all providers if provider is
// "". If the provider or the behaviour is not valid, it changes nothing and records a
// violation, so that a test fails; [Simulator.SetByName] returns an error instead.
func (s *Simulator) SetBehaviour(provider string, b Behaviour) {
	if err := errors.Join(b.check(), s.providers.check(provider)); err != nil {
		s.Record.addViolation("simulator: could not set a behaviour: " + err.Error())
		return
	}
	if moved := s.behaviours.set(provider, b); moved {
		s.Lists.Publish()
	}
}

// Behaviour returns the current behaviour of a provider.
func (s *Simulator) Behaviour(provider string) Behaviour { return s.behaviours.get(provider) }

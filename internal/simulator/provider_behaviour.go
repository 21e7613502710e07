package simulator

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Behaviour is how a provider behaves. The zero value is a provider that asks the
// person, gives no refresh tokens and does everything right.
type Behaviour struct {
	Authorize AuthorizeMode
	Token     TokenMode
	Resource  ResourceMode

	// TokenTimes and ResourceTimes say how many requests the mode above is for; after
	// them the provider does right again. 0 is for all.
	TokenTimes, ResourceTimes int

	// RefreshTokens gives refresh tokens, a new one at each use.
	RefreshTokens bool

	AccessTokenLife  time.Duration // 15 minutes when 0
	CodeLife         time.Duration // 15 minutes when 0
	RefreshTokenLife time.Duration // 183 days when 0

	Slow       time.Duration // how long a slow answer takes; 10 s when 0
	Late       time.Duration // how long an answer after the time-out takes; 65 s when 0
	RetryAfter time.Duration // what goes with 429 and 503; 1 s when 0, none when negative

	// BadEndpoint moves the token and resource endpoints, in the next publication of
	// the list of providers.
	BadEndpoint BadEndpoint
}

func (b Behaviour) check() error {
	switch {
	case !slices.Contains(AuthorizeModes, b.Authorize):
		return fmt.Errorf("no such way to authorise: %q", b.Authorize)
	case !slices.Contains(TokenModes, b.Token):
		return fmt.Errorf("no such way of a token endpoint: %q", b.Token)
	case !slices.Contains(ResourceModes, b.Resource):
		return fmt.Errorf("no such way of a resource endpoint: %q", b.Resource)
	case !validBadEndpoint(b.BadEndpoint):
		return fmt.Errorf("no such place for endpoints: %q", b.BadEndpoint)
	}
	return nil
}

// behaviours is how each provider behaves now.
type behaviours struct {
	mu         sync.Mutex
	common     Behaviour
	byProvider map[string]*Behaviour
	remaining  map[string]int // requests that a mode is still for: "token/name" or "resource/name"
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

// token is the behaviour for one request at a token endpoint, which it counts.
func (c *behaviours) forTokenRequest(provider string) Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.getLocked(provider)
	if b.Token != TokenOK && b.TokenTimes > 0 && !c.countDown("token/"+provider, b.TokenTimes) {
		b.Token = TokenOK
	}
	return b
}

// resource is the behaviour for one request at a resource endpoint, which it counts.
func (c *behaviours) forResourceRequest(provider string) Behaviour {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.getLocked(provider)
	if b.Resource != ResourceOK && b.ResourceTimes > 0 && !c.countDown("resource/"+provider, b.ResourceTimes) {
		b.Resource = ResourceOK
	}
	return b
}

// takes counts down from times.
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

// set replaces the behaviour of one provider, or of all of them, and says whether
// endpoints moved.
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

// change changes the behaviour of one provider, or of each of them, and says whether
// endpoints moved.
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

// Behave switches how a provider behaves, or how all of them do when provider is "".
// It replaces the whole behaviour. One that there is not changes nothing and counts as
// a violation, so that a test notices; [Simulator.SetByName] returns it as an error.
func (s *Simulator) SetBehaviour(provider string, b Behaviour) {
	if err := errors.Join(b.check(), s.checkProvider(provider)); err != nil {
		s.Record.addViolation("simulator: could not switch behaviour: " + err.Error())
		return
	}
	if moved := s.behaviours.set(provider, b); moved {
		s.Lists.Publish()
	}
}

// Behaviour is how a provider behaves now.
func (s *Simulator) Behaviour(provider string) Behaviour { return s.behaviours.get(provider) }

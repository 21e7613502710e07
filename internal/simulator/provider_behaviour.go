package simulator

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// AuthorizeMode is what an authorisation endpoint does with a right request.
type AuthorizeMode string

// The ways of an authorisation endpoint.
const (
	AuthorizeAsk           AuthorizeMode = ""
	AuthorizeApprove       AuthorizeMode = "approve"        // at once, without a page
	AuthorizeRefuse        AuthorizeMode = "refuse"         // access_denied, at once
	AuthorizeNoData        AuthorizeMode = "no-data"        // access_denied, after the person confirmed
	AuthorizeServerError   AuthorizeMode = "error"          // server_error
	AuthorizeBusy          AuthorizeMode = "busy"           // temporarily_unavailable
	AuthorizeUnknownClient AuthorizeMode = "unknown-client" // a page of its own that leads nowhere
	AuthorizeWrongState    AuthorizeMode = "wrong-state"    // approves with another state
	AuthorizeNoState       AuthorizeMode = "no-state"       // approves without state
	AuthorizeNever         AuthorizeMode = "never"          // a page that leads nowhere
)

// AuthorizeModes are all of them.
var AuthorizeModes = []AuthorizeMode{AuthorizeAsk, AuthorizeApprove, AuthorizeRefuse, AuthorizeNoData, AuthorizeServerError,
	AuthorizeBusy, AuthorizeUnknownClient, AuthorizeWrongState, AuthorizeNoState, AuthorizeNever}

// TokenMode is what a token endpoint does with a right request.
type TokenMode string

// The ways of a token endpoint. Those that refuse leave code and refresh token as
// they were, except TokenUsed.
const (
	TokenOK            TokenMode = ""
	TokenUsed          TokenMode = "used"           // invalid_grant: as if the code or refresh token had been used
	TokenExpired       TokenMode = "expired"        // invalid_grant: as if it had expired
	TokenWrongRedirect TokenMode = "wrong-redirect" // invalid_grant: as if redirect_uri were another
	TokenRevoked       TokenMode = "revoked"        // invalid_grant: as if the person had taken the consent back
	TokenSlow          TokenMode = "slow"           // right, after Behaviour.Slow
	TokenLate          TokenMode = "late"           // right, after Behaviour.Late
	TokenCut           TokenMode = "cut"            // does it and cuts the connection
	TokenHTML          TokenMode = "html"           // 200 with a page
	TokenNotJSON       TokenMode = "not-json"       // 200 with half an answer, called JSON
	TokenEmpty         TokenMode = "empty"          // 200 with nothing
	TokenEndless       TokenMode = "endless"        // 200 with 100 MB
	TokenNoToken       TokenMode = "no-token"       // 200 with JSON that holds no access token
	TokenNotBearer     TokenMode = "not-bearer"     // 200 with a token of another type
	TokenRedirect      TokenMode = "302"            // to a host that is not on the lists
)

// TokenModes are all of them. Besides, each code of an OAuth error and each status
// from 500 on is one, such as "invalid_client" and "503".
var TokenModes = []TokenMode{TokenOK, TokenUsed, TokenExpired, TokenWrongRedirect, TokenRevoked, TokenSlow, TokenLate, TokenCut, TokenHTML,
	TokenNotJSON, TokenEmpty, TokenEndless, TokenNoToken, TokenNotBearer, TokenRedirect, "invalid_request", "invalid_client", "invalid_grant",
	"unauthorized_client", "unsupported_grant_type", "invalid_scope", "500", "502", "503", "504"}

// ResourceMode is what a resource endpoint does with a right request.
type ResourceMode string

// The ways of a resource endpoint. Whatever is not said to file does not.
const (
	ResourceOK               ResourceMode = ""
	ResourceFailedEntry      ResourceMode = "batch-entry" // files all entries of a batch but the last, which fails with 422
	ResourceSlow             ResourceMode = "slow"        // files, answers right after Behaviour.Slow
	ResourceLate             ResourceMode = "late"        // files, answers right after Behaviour.Late
	ResourceCutAfter         ResourceMode = "cut-after"   // files and cuts the connection
	ResourceCutDuring        ResourceMode = "cut-within"  // files and cuts the connection amid the answer
	ResourceCutBefore        ResourceMode = "cut-before"  // cuts the connection
	ResourceClosed           ResourceMode = "closed"      // cuts the connection, and closes the next one before the handshake
	ResourceHTML             ResourceMode = "html"        // 200 with a page
	ResourceXML              ResourceMode = "xml"         // files, answers 200 with XML
	ResourceNotJSON          ResourceMode = "not-json"    // files, answers with half of the answer
	ResourceEndless          ResourceMode = "endless"     // files, answers 200 with 100 MB
	ResourceEmpty            ResourceMode = "empty"       // files, answers 200 with nothing
	ResourceNoBody           ResourceMode = "bare"        // files, answers right but for the body
	ResourceOperationOutcome ResourceMode = "outcome"     // files, answers right with an OperationOutcome, as Prefer may ask
	ResourceWrongResource    ResourceMode = "strange"     // files, answers 200 with a resource that nobody asked for
	ResourceMissingEntry     ResourceMode = "short"       // files, answers a Bundle with an entry too few
	ResourceRedirect         ResourceMode = "302"         // to a host that is not on the lists
	ResourceRedirect307      ResourceMode = "307"         // likewise, with the body
	ResourceFiled500         ResourceMode = "500-filed"   // files and answers 500
	ResourceFiled502         ResourceMode = "502-filed"   // files and answers 502
	ResourceFiled504         ResourceMode = "504-filed"   // files and answers 504
	ResourceForbidden        ResourceMode = "403"         // not allowed for this token
	ResourceUnauthorized     ResourceMode = "401"         // the token is not known
	ResourceBusy             ResourceMode = "429"         // with Retry-After
	ResourceUnprocessable    ResourceMode = "422"         // with what is wrong

)

// ResourceModes are all of them; the numbers are statuses, which file nothing.
var ResourceModes = []ResourceMode{ResourceOK, "400", ResourceUnauthorized, ResourceForbidden, "404", "405", "406", "409", "410", "412", "415",
	ResourceUnprocessable, ResourceBusy, "500", "501", "502", "503", "504", ResourceFiled500, ResourceFiled502, ResourceFiled504, ResourceFailedEntry,
	ResourceSlow, ResourceLate, ResourceCutAfter, ResourceCutDuring, ResourceCutBefore, ResourceClosed, ResourceHTML, ResourceXML, ResourceNotJSON,
	ResourceEndless, ResourceEmpty, ResourceNoBody, ResourceOperationOutcome, ResourceWrongResource, ResourceMissingEntry, ResourceRedirect, ResourceRedirect307}

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
		s.record.addViolation("simulator: could not switch behaviour: " + err.Error())
		return
	}
	if moved := s.behaviours.set(provider, b); moved {
		s.PublishLists()
	}
}

// Behaviour is how a provider behaves now.
func (s *Simulator) Behaviour(provider string) Behaviour { return s.behaviours.get(provider) }

// behaviourFields are the switches by name, for the command line and the page.
var behaviourFields = map[string]func(*Behaviour, string) error{
	"authorize":     func(b *Behaviour, v string) error { b.Authorize = AuthorizeMode(v); return nil },
	"token":         func(b *Behaviour, v string) error { b.Token = TokenMode(v); return nil },
	"resource":      func(b *Behaviour, v string) error { b.Resource = ResourceMode(v); return nil },
	"endpoints":     func(b *Behaviour, v string) error { b.BadEndpoint = BadEndpoint(v); return nil },
	"tokenTimes":    func(b *Behaviour, v string) error { return setInt(&b.TokenTimes, v) },
	"resourceTimes": func(b *Behaviour, v string) error { return setInt(&b.ResourceTimes, v) },
	"refreshTokens": func(b *Behaviour, v string) (err error) { b.RefreshTokens, err = strconv.ParseBool(v); return err },
	"accessLife":    func(b *Behaviour, v string) error { return setDuration(&b.AccessTokenLife, v) },
	"codeLife":      func(b *Behaviour, v string) error { return setDuration(&b.CodeLife, v) },
	"refreshLife":   func(b *Behaviour, v string) error { return setDuration(&b.RefreshTokenLife, v) },
	"slow":          func(b *Behaviour, v string) error { return setDuration(&b.Slow, v) },
	"late":          func(b *Behaviour, v string) error { return setDuration(&b.Late, v) },
	"retryAfter":    func(b *Behaviour, v string) error { return setDuration(&b.RetryAfter, v) },
}

func setInt(into *int, v string) (err error) { *into, err = strconv.Atoi(v); return err }

func setDuration(into *time.Duration, v string) (err error) {
	*into, err = time.ParseDuration(v)
	return err
}

// Set switches one thing by its name and leaves the rest: "resource" for all
// providers, or "huisartslinde.resource" for one. The values are those of the modes, with "right" or
// "ask" for the empty one.
func (s *Simulator) SetByName(name, value string) error {
	provider, field, ok := strings.Cut(name, ".")
	if !ok {
		provider, field = "", name
	}
	if value == "right" || value == "ask" || value == "none" {
		value = ""
	}
	if err := s.checkProvider(provider); err != nil {
		return err
	}
	set, ok := behaviourFields[field]
	if !ok {
		names := make([]string, 0, len(behaviourFields))
		for name := range behaviourFields {
			names = append(names, name)
		}
		slices.Sort(names)
		return fmt.Errorf("no switch %q; there are %s", field, strings.Join(names, ", "))
	}
	moved, err := s.behaviours.update(provider, func(b *Behaviour) error {
		if err := set(b, value); err != nil {
			return err
		}
		return b.check()
	})
	if err != nil {
		return fmt.Errorf("set %s to %q: %w", name, value, err)
	}
	if moved {
		s.PublishLists()
	}
	return nil
}

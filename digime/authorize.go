package digime

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// AuthorizeOptions say how a person is asked for consent. Only Callback is
// required.
type AuthorizeOptions struct {
	// Callback is where the person's browser comes back to: one of the contract's
	// redirect URIs. It may carry a query of its own.
	Callback string
	// State comes back to the callback unchanged. Left empty, a random one is made:
	// see [Authorization.State].
	State string

	// SourceType is what the person connects: a source to read from, or a provider
	// to push to. Empty means [SourcePull].
	SourceType SourceType
	// ServiceID takes the person straight to one source, by its id in the
	// catalogue; 0 lets them choose.
	ServiceID int
	// SourcesScope narrows the sources they choose from.
	SourcesScope *SourcesScope
	// IncludeSampleDataOnlySources offers sources that have only sample data; nil
	// leaves it to the server.
	IncludeSampleDataOnlySources *bool
	// SampleDataSet uses sample data in place of a real source's, by the name that
	// the catalogue has for the set.
	SampleDataSet string
	// SampleDataAutoOnboard skips every step, consent included. Needs SampleDataSet.
	SampleDataAutoOnboard bool
	// TriggerQuery set to false connects the source without fetching its data now;
	// nil means true.
	TriggerQuery *bool

	// Link joins the new consent to the library of the person whom this token of
	// another contract belongs to. It may have expired.
	Link UserAccessToken
	// StorageID makes a storage the person's; see the protocol's createProvisionalStorage.
	StorageID string
	// Session says what the session of [Authorization.Session] is to read; nil
	// reads everything that the contract allows.
	Session *SessionOptions
	// Locale is the language of the pages, such as "nl". Empty is the browser's.
	Locale string
}

// SourceType is what a person connects.
type SourceType string

// The source types.
const (
	// SourcePull is a source that data is read from.
	SourcePull SourceType = "pull"
	// SourcePush is a provider that data is pushed to.
	SourcePush SourceType = "push"
)

// SourcesScope narrows the sources that a person can choose from.
type SourcesScope struct {
	// DataType lists kinds of data, such as "vaccinations".
	DataType []string `json:"dataType,omitempty"`
	// OrganizationType is one kind of organisation, such as "hospital".
	OrganizationType string `json:"organizationType,omitempty"`
}

// Authorization is what to send a person to, and what to keep until they come
// back. It marshals to JSON with its secrets, to be kept in the person's own
// session.
type Authorization struct {
	// URL is where to send the person's browser.
	URL string
	// State is what the callback must bring back: compare it with
	// [Callback.State], or anyone can sign your visitor in to their library.
	State string
	// Verifier is what [Client.Exchange] needs beside the callback's code.
	Verifier Secret
	// Session can be read, with a read contract, once the person has agreed: see
	// [User.OpenSession].
	Session SessionKey
}

// SessionKey names a session that the server has opened, and says until when it
// can be read.
type SessionKey struct {
	Key    Secret
	Expiry time.Time
}

func sessionKeyOf(s *wire.Session) SessionKey {
	if s == nil {
		return SessionKey{}
	}
	return SessionKey{Key: NewSecret(s.Key), Expiry: s.Expiry.Time()}
}

// Authorize begins to ask a person for consent to the contract. It returns
// [ErrInvalidRedirectURI] when the callback is not one of the contract's, and
// [ErrInvalidToken] when the token to link is revoked, or another application's.
// The server's answer is checked to be its own ([ErrUntrusted]).
func (c *Client) Authorize(ctx context.Context, contract *Contract, o AuthorizeOptions) (Authorization, error) {
	page, err := authorizePage(o)
	if err != nil {
		return Authorization{}, fmt.Errorf("authorize: %w", err)
	}
	auth, code, err := c.preauthorize(ctx, contract, o)
	if err != nil {
		return Authorization{}, fmt.Errorf("authorize: %w", err)
	}
	if o.StorageID != "" {
		reference, err := c.reference(ctx, contract, "cloudId", o.StorageID)
		if err != nil {
			return Authorization{}, fmt.Errorf("authorize: %w", err)
		}
		page.Set("storageRef", reference)
	}
	auth.URL = c.pageURL("authorize", code, page)
	return auth, nil
}

// preauthorize makes the signed call and leaves out the URL.
func (c *Client) preauthorize(ctx context.Context, contract *Contract, o AuthorizeOptions) (Authorization, string, error) {
	auth := Authorization{State: stateOr(o.State), Verifier: newVerifier()}
	var answer wire.SignedAnswer
	err := c.callJSON(ctx, contract, call{
		method: http.MethodPost,
		path:   literal("oauth/authorize"),
		claims: wire.RequestClaims{
			AccessToken:         o.Link.AccessToken.Value.Reveal(),
			CodeChallenge:       wire.Challenge(auth.Verifier.Reveal()),
			CodeChallengeMethod: wire.ChallengeS256,
			RedirectURI:         o.Callback,
			ResponseMode:        "query",
			ResponseType:        "code",
			State:               auth.State,
		},
		body: c.actionsBody(o.Session),
	}, &answer)
	if err != nil {
		return Authorization{}, "", err
	}
	var claims wire.PreauthorizationClaims
	if err := c.openSigned(ctx, answer.Token, &claims); err != nil {
		return Authorization{}, "", err
	}
	if claims.PreauthorizationCode == "" {
		return Authorization{}, "", errors.New("the server's answer has no code")
	}
	auth.Session = sessionKeyOf(answer.Session)
	return auth, claims.PreauthorizationCode, nil
}

// reference asks for the opaque name under which a page learns of something.
func (c *Client) reference(ctx context.Context, contract *Contract, kind, value string) (string, error) {
	var answer wire.ReferenceAnswer
	err := c.callJSON(ctx, contract, call{
		method: http.MethodPost, path: literal("reference"),
		body: jsonBody(wire.ReferenceRequest{Type: kind, Value: value}),
	}, &answer)
	if err == nil && answer.ID == "" {
		err = errors.New("the server's answer has no reference")
	}
	return answer.ID, err
}

// actionsBody is the body of the calls that open a session.
func (c *Client) actionsBody(session *SessionOptions) []byte {
	request := wire.AuthorizeRequest{Agent: &wire.Agent{SDK: c.agent}}
	if session != nil {
		request.Actions = &wire.Actions{Pull: session}
	}
	return jsonBody(request)
}

func authorizePage(o AuthorizeOptions) (url.Values, error) {
	if err := checkCallback(o.Callback); err != nil {
		return nil, err
	}
	page := url.Values{}
	page.Set("sourceType", string(o.SourceType))
	switch o.SourceType {
	case "":
		page.Set("sourceType", string(SourcePull))
	case SourcePull, SourcePush:
	default:
		return nil, fmt.Errorf("source type %q is neither %q nor %q", o.SourceType, SourcePull, SourcePush)
	}
	if o.SampleDataAutoOnboard && o.SampleDataSet == "" {
		return nil, errors.New("SampleDataAutoOnboard without SampleDataSet")
	}
	if o.ServiceID != 0 {
		page.Set("service", strconv.Itoa(o.ServiceID))
	}
	setText(page, "sampleDataSet", o.SampleDataSet)
	if o.SampleDataAutoOnboard {
		page.Set("sampleDataAutoOnboard", "true")
	}
	setText(page, "lng", o.Locale)
	setBool(page, "includeSampleDataOnlySources", o.IncludeSampleDataOnlySources)
	setBool(page, "triggerQuery", o.TriggerQuery)
	if o.SourcesScope != nil {
		text, err := json.Marshal(o.SourcesScope)
		if err != nil {
			return nil, err
		}
		// The page decodes it twice: once as a query, once more by itself.
		page.Set("sourcesScope", strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20"))
	}
	return page, nil
}

// pageURL is the address of an onboarding page. The code comes first, so that a
// person sees at once what kind of address it is.
func (c *Client) pageURL(page, code string, query url.Values) string {
	address := c.onboard.String() + page + "?code=" + url.QueryEscape(code)
	if len(query) > 0 {
		address += "&" + query.Encode()
	}
	return address
}

func checkCallback(callback string) error {
	u, err := url.Parse(callback)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("callback %q is not an absolute URL", callback)
	}
	return nil
}

func setText(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setBool(q url.Values, name string, value *bool) {
	if value != nil {
		q.Set(name, strconv.FormatBool(*value))
	}
}

// stateOr is the caller's state, or a random one.
func stateOr(state string) string {
	if state == "" {
		return wire.RandomAlphanumeric(32)
	}
	return state
}

// newVerifier is a code verifier of RFC 7636: 43 characters, 256 random bits.
func newVerifier() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))
}

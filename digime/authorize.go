package digime

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// AuthorizeOptions are the options of [Contract.Authorize]. Only RedirectURL is required.
type AuthorizeOptions struct {
	// RedirectURL is where the person's browser returns to: one of the contract's redirect URIs. It may have a
	// query of its own.
	RedirectURL string
	// State comes back to the redirect URL unchanged. Leave it empty, so that a random one is used, or set a random
	// text: if others can guess it, they can forge a callback.
	State string

	// SourceType is what the person connects: a source to read from or a provider to push to. The default is
	// [SourcePull].
	SourceType SourceType
	// SourceID is the one source to connect. If it is 0, the person chooses.
	SourceID SourceID
	// SourcesScope restricts the sources that the person can choose from.
	SourcesScope SourcesScope
	// IncludeSampleDataOnlySources also offers the sources that have only sample data.
	IncludeSampleDataOnlySources bool
	// SampleDataSet replaces the data of a real source by the sample data with this name: see
	// [Contract.ListSampleDataSets].
	SampleDataSet string
	// SampleDataAutoOnboard skips all pages, including the one that asks for consent, so that an application can be
	// tested without a person. It requires SampleDataSet; a source's usual one is "default". At a Carrel it works under
	// a contract that the operator has registered as a sandbox and in a browser in which nobody is signed in: the
	// browser comes back at once, and the tokens open a new library with the sample data. A contract that reads data of
	// services needs a SourceID, too. Without one of these the pages ask as always.
	SampleDataAutoOnboard bool
	// SkipFetch connects the source without fetching its data now.
	SkipFetch bool

	// Link adds the consent to the library that this token of another contract belongs to. Its access token may
	// have expired, but must not be missing. The zero value links nothing.
	Link UserAccessToken
	// Storage is a storage that [Contract.CreateStorage] has made. With the person's consent it becomes theirs. If the
	// application has a storage in their library already, that one stays: use [User.GetStorage] afterwards.
	Storage StorageID
	// Session says what the session of [Authorization.Session] reads. By default it reads all that the contract
	// allows.
	Session SessionOptions
	// Locale is the language of the pages, such as "nl". The default is the language of the browser.
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

// SourcesScope restricts the sources that a person can choose from. The zero value does not.
type SourcesScope struct {
	// DataType lists kinds of data, such as "vaccinations".
	DataType []string `json:"dataType,omitempty"`
	// OrganizationType is a kind of organisation, such as "hospital".
	OrganizationType string `json:"organizationType,omitempty"`
}

// Authorization is the start of an authorisation: the page to send a person to, and what is needed when they return.
// Keep it in the person's own session until then. It marshals to JSON, including its secrets. Do not embed it in a
// struct that is marshalled: see [UserAccessToken].
type Authorization struct {
	// URL is the address to send the person's browser to.
	URL string
	// State identifies this authorisation in the callback; [Authorization.ParseCallback] compares it.
	State string
	// Verifier proves to the server that the code is redeemed by the application that started the authorisation.
	// It is zero where there is no code to exchange, as after [User.OnboardService].
	Verifier Secret
	// Session is the session that the server has opened. With a read contract, [User.ResumeSession] reads it once
	// the person has consented.
	Session SessionKey
}

// Authorize starts to ask a person for consent to the contract. Send the person to the URL of the [Authorization], and
// pass the query of the callback to its ParseCallback.
//
// [ErrInvalidRedirectURI] says that the redirect URL is not one of the contract's, and [ErrInvalidToken] that the token
// of Link is revoked or belongs to another application. [ErrNotFound] says that the server does not know the Storage,
// or no longer. Authorize verifies that the server has signed its response ([ErrBadSignature]).
func (k *Contract) Authorize(ctx context.Context, o AuthorizeOptions) (Authorization, error) {
	query, err := pageQuery(o)
	if err != nil {
		return Authorization{}, fmt.Errorf("authorize: %w", err)
	}
	auth, code, err := k.preauthorize(ctx, o)
	if err != nil {
		return Authorization{}, fmt.Errorf("authorize: %w", err)
	}
	if o.Storage != "" {
		handle, err := k.handle(ctx, wire.ReferenceStorage, string(o.Storage))
		if err != nil {
			return Authorization{}, fmt.Errorf("authorize: %w", err)
		}
		query.Set("storageRef", handle)
	}
	auth.URL = k.client.pageURL("authorize", code, query)
	return auth, nil
}

// preauthorize makes the signed call and returns the authorisation without its URL, and the code for the page.
func (k *Contract) preauthorize(ctx context.Context, o AuthorizeOptions) (Authorization, string, error) {
	auth := Authorization{State: stateOr(o.State), Verifier: newVerifier()}
	var answer wire.SignedAnswer
	err := k.callJSON(ctx, call{
		method: http.MethodPost,
		path:   literal("oauth/authorize"),
		claims: wire.RequestClaims{
			AccessToken:         o.Link.AccessToken.Value.Reveal(),
			CodeChallenge:       wire.Challenge(auth.Verifier.Reveal()),
			CodeChallengeMethod: wire.ChallengeS256,
			RedirectURI:         o.RedirectURL,
			ResponseMode:        "query",
			ResponseType:        "code",
			State:               auth.State,
		},
		body: k.actionsBody(o.Session),
	}, &answer)
	if err != nil {
		return Authorization{}, "", err
	}
	var claims wire.PreauthorizationClaims
	if err := k.client.openSigned(ctx, answer.Token, &claims); err != nil {
		return Authorization{}, "", err
	}
	if claims.PreauthorizationCode == "" {
		return Authorization{}, "", missing("code")
	}
	auth.Session = sessionKeyOf(answer.Session)
	return auth, claims.PreauthorizationCode, nil
}

// actionsBody returns the body of the calls that open a session.
func (k *Contract) actionsBody(session SessionOptions) []byte {
	if k == nil || k.client == nil {
		return nil // send returns the error
	}
	request := wire.AuthorizeRequest{Agent: &wire.Agent{SDK: k.client.agent}}
	if !reflect.ValueOf(session).IsZero() {
		options := session.wire()
		request.Actions = &wire.Actions{Pull: &options}
	}
	return jsonBody(request)
}

// pageQuery checks the options and returns those that belong to the query of the page.
func pageQuery(o AuthorizeOptions) (url.Values, error) {
	if err := checkRedirectURL(o.RedirectURL); err != nil {
		return nil, err
	}
	sourceType := cmp.Or(o.SourceType, SourcePull)
	if err := checkSourceType(sourceType); err != nil {
		return nil, err
	}
	if !reflect.ValueOf(o.Link).IsZero() {
		if err := o.Link.check(); err != nil {
			return nil, invalid("Link: %w", err)
		}
	}
	query := url.Values{"sourceType": {string(sourceType)}}
	if o.SampleDataAutoOnboard && o.SampleDataSet == "" {
		return nil, invalid("SampleDataAutoOnboard without SampleDataSet")
	}
	if o.SourceID != 0 {
		query.Set("service", strconv.Itoa(int(o.SourceID)))
	}
	setText(query, "sampleDataSet", o.SampleDataSet)
	if o.SampleDataAutoOnboard {
		query.Set("sampleDataAutoOnboard", "true")
	}
	setText(query, "lng", o.Locale)
	if o.IncludeSampleDataOnlySources {
		query.Set("includeSampleDataOnlySources", "true")
	}
	setSkipFetch(query, o.SkipFetch)
	if !reflect.ValueOf(o.SourcesScope).IsZero() {
		text, err := json.Marshal(o.SourcesScope)
		if err != nil {
			return nil, invalid("sources scope: %w", err)
		}
		// The page decodes this parameter twice: once as part of the query, and once more by itself.
		query.Set("sourcesScope", strings.ReplaceAll(url.QueryEscape(string(text)), "+", "%20"))
	}
	return query, nil
}

// pageURL returns the address of a page for people. The code is the first parameter.
func (c *Client) pageURL(page, code string, query url.Values) string {
	address := c.onboard.String() + page + "?code=" + url.QueryEscape(code)
	if len(query) > 0 {
		address += "&" + query.Encode()
	}
	return address
}

func checkSourceType(t SourceType) error {
	if t != SourcePull && t != SourcePush {
		return invalid("source type %q is neither %q nor %q", t, SourcePull, SourcePush)
	}
	return nil
}

func checkRedirectURL(redirectURL string) error {
	u, err := url.Parse(redirectURL)
	if err != nil || u.Scheme == "" {
		return invalid("redirect URL %q is not an absolute URL", redirectURL)
	}
	return nil
}

func setText(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setSkipFetch(q url.Values, skip bool) {
	if skip {
		q.Set("triggerQuery", "false")
	}
}

// stateOr returns the state of the caller or a random one.
func stateOr(state string) string {
	if state == "" {
		return wire.RandomAlphanumeric(32)
	}
	return state
}

// newVerifier returns a code verifier of RFC 7636: 43 characters, 256 random bits.
func newVerifier() Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return NewSecret(base64.RawURLEncoding.EncodeToString(b[:]))
}

// SessionKey identifies a session that the server has opened. Whoever has it and a token for the contract can read the
// session. It marshals to JSON, including the key.
type SessionKey struct {
	// Key is the secret part of the session's addresses.
	Key Secret
	// Expiry is when the session ends.
	Expiry time.Time
}

func sessionKeyOf(s *wire.Session) SessionKey {
	if s == nil {
		return SessionKey{}
	}
	return SessionKey{Key: NewSecret(s.Key), Expiry: timeOf(s.Expiry)}
}

package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/digime/wire"
)

// OnboardOptions say how a person adds a source. Only Callback is required; the
// fields mean what they mean in [AuthorizeOptions].
type OnboardOptions struct {
	Callback                     string
	State                        string
	SourceType                   SourceType
	ServiceID                    int
	SourcesScope                 *SourcesScope
	IncludeSampleDataOnlySources *bool
	SampleDataSet                string
	SampleDataAutoOnboard        bool
	TriggerQuery                 *bool
	Session                      *SessionOptions
	Locale                       string
}

// Onboarding is where to send a person, and what to keep until they come back.
// There is no code to exchange: the token that they have goes on.
type Onboarding struct {
	URL     string
	State   string
	Session SessionKey
}

// OnboardService begins to let the person add a source to their library.
func (u *User) OnboardService(ctx context.Context, o OnboardOptions) (Onboarding, error) {
	page, err := authorizePage(AuthorizeOptions{
		Callback: o.Callback, SourceType: o.SourceType, ServiceID: o.ServiceID, SourcesScope: o.SourcesScope,
		IncludeSampleDataOnlySources: o.IncludeSampleDataOnlySources, SampleDataSet: o.SampleDataSet,
		SampleDataAutoOnboard: o.SampleDataAutoOnboard, TriggerQuery: o.TriggerQuery, Locale: o.Locale,
	})
	if err != nil {
		return Onboarding{}, fmt.Errorf("onboard service: %w", err)
	}
	on, code, err := u.tokenReference(ctx, o.Callback, o.State, o.Session)
	if err != nil {
		return Onboarding{}, fmt.Errorf("onboard service: %w", err)
	}
	on.URL = u.client.pageURL("onboard", code, page)
	return on, nil
}

// ReauthorizeAccountOptions say how a person gives a source their permission
// again. Only Callback is required.
type ReauthorizeAccountOptions struct {
	Callback string
	State    string
	Session  *SessionOptions
	Locale   string
}

// ReauthorizeAccount begins to let the person give the source of one account
// their permission again, after [ErrServiceAuthorization].
func (u *User) ReauthorizeAccount(ctx context.Context, account AccountID, o ReauthorizeAccountOptions) (Onboarding, error) {
	if err := checkCallback(o.Callback); err != nil {
		return Onboarding{}, fmt.Errorf("reauthorize account: %w", err)
	}
	on, code, err := u.tokenReference(ctx, o.Callback, o.State, o.Session)
	if err != nil {
		return Onboarding{}, fmt.Errorf("reauthorize account: %w", err)
	}
	reference, err := u.client.reference(ctx, u.contract, "accountId", string(account))
	if err != nil {
		return Onboarding{}, fmt.Errorf("reauthorize account: %w", err)
	}
	page := url.Values{"accountRef": {reference}}
	setText(page, "lng", o.Locale)
	on.URL = u.client.pageURL("reauthorize", code, page)
	return on, nil
}

// ReauthorizeOptions say how a person renews their consent. Only Callback is
// required.
type ReauthorizeOptions struct {
	Callback string
	State    string
	Session  *SessionOptions
	Locale   string
	// TriggerQuery set to false fetches no data from the sources now; nil means
	// true.
	TriggerQuery *bool
}

// Reauthorize begins to let the person renew their consent once the refresh token
// has expired ([ErrReauthorize]). They come back with a code for
// [Client.Exchange]; make a new User of the token that it gives. The access token
// may have expired, but a revoked one returns [ErrInvalidToken].
func (u *User) Reauthorize(ctx context.Context, o ReauthorizeOptions) (Authorization, error) {
	if err := checkCallback(o.Callback); err != nil {
		return Authorization{}, fmt.Errorf("reauthorize: %w", err)
	}
	auth := Authorization{State: stateOr(o.State), Verifier: newVerifier()}
	cl := u.referenceCall(o.Callback, auth.State, o.Session)
	cl.claims.AccessToken = u.Token().AccessToken.Value.Reveal()
	cl.claims.CodeChallenge = wire.Challenge(auth.Verifier.Reveal())
	cl.claims.CodeChallengeMethod = wire.ChallengeS256
	var answer wire.SignedAnswer
	// An expired token is what this is for: it is not refreshed.
	if err := u.client.callJSON(ctx, u.contract, cl, &answer); err != nil {
		return Authorization{}, fmt.Errorf("reauthorize: %w", err)
	}
	code, err := u.client.referenceCode(ctx, answer)
	if err != nil {
		return Authorization{}, fmt.Errorf("reauthorize: %w", err)
	}
	page := url.Values{}
	setText(page, "lng", o.Locale)
	setBool(page, "triggerQuery", o.TriggerQuery)
	auth.URL = u.client.pageURL("user-reauth", code, page)
	auth.Session = sessionKeyOf(answer.Session)
	return auth, nil
}

// tokenReference asks for the code that lets a page act for the person.
func (u *User) tokenReference(ctx context.Context, callback, state string, session *SessionOptions) (Onboarding, string, error) {
	on := Onboarding{State: stateOr(state)}
	var answer wire.SignedAnswer
	if err := u.doJSON(ctx, u.referenceCall(callback, on.State, session), &answer); err != nil {
		return Onboarding{}, "", err
	}
	code, err := u.client.referenceCode(ctx, answer)
	if err != nil {
		return Onboarding{}, "", err
	}
	on.Session = sessionKeyOf(answer.Session)
	return on, code, nil
}

func (u *User) referenceCall(callback, state string, session *SessionOptions) call {
	return call{
		method: http.MethodPost,
		path:   literal("oauth/token/reference"),
		claims: wire.RequestClaims{RedirectURI: callback, State: state},
		body:   u.client.actionsBody(session),
	}
}

func (c *Client) referenceCode(ctx context.Context, answer wire.SignedAnswer) (string, error) {
	var claims wire.ReferenceClaims
	if err := c.openSigned(ctx, answer.Token, &claims); err != nil {
		return "", err
	}
	if claims.ReferenceCode == "" {
		return "", errors.New("the server's answer has no code")
	}
	return claims.ReferenceCode, nil
}

package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/digime/wire"
)

// OnboardOptions are the options of [User.OnboardService]. Only RedirectURL is required.
type OnboardOptions struct {
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
	// SampleDataAutoOnboard skips all pages. It requires SampleDataSet.
	SampleDataAutoOnboard bool
	// SkipFetch connects the source without fetching its data now.
	SkipFetch bool
	// Session says what the session of [Authorization.Session] reads. By default it reads all that the contract
	// allows.
	Session SessionOptions
	// Locale is the language of the pages, such as "nl". The default is the language of the browser.
	Locale string
}

// OnboardService starts to let the person connect one more source. When they return, there is no code to exchange: the
// token stays valid. ParseCallback of the [Authorization] says whether they have connected it.
func (u *User) OnboardService(ctx context.Context, o OnboardOptions) (Authorization, error) {
	query, err := pageQuery(AuthorizeOptions{
		RedirectURL: o.RedirectURL, SourceType: o.SourceType, SourceID: o.SourceID, SourcesScope: o.SourcesScope,
		IncludeSampleDataOnlySources: o.IncludeSampleDataOnlySources, SampleDataSet: o.SampleDataSet,
		SampleDataAutoOnboard: o.SampleDataAutoOnboard, SkipFetch: o.SkipFetch, Locale: o.Locale,
	})
	if err != nil {
		return Authorization{}, fmt.Errorf("onboard service: %w", err)
	}
	auth, code, err := u.tokenReference(ctx, o.RedirectURL, o.State, o.Session)
	if err != nil {
		return Authorization{}, fmt.Errorf("onboard service: %w", err)
	}
	auth.URL = u.contract.client.pageURL("onboard", code, query)
	return auth, nil
}

// ReauthorizeAccountOptions are the options of [User.ReauthorizeAccount]. Only RedirectURL is required.
type ReauthorizeAccountOptions struct {
	// RedirectURL is where the person's browser returns to: one of the contract's redirect URIs.
	RedirectURL string
	// State comes back to the redirect URL unchanged. Leave it empty, so that a random one is used, or set a random
	// text: if others can guess it, they can forge a callback.
	State string
	// Session says what the session of [Authorization.Session] reads. By default it reads all that the contract
	// allows.
	Session SessionOptions
	// Locale is the language of the pages, such as "nl". The default is the language of the browser.
	Locale string
}

// ReauthorizeAccount starts to let the person renew the permission at the source or provider of one account, after
// [ErrServiceAuthorization]. When they return, there is no code to exchange: the token stays valid. ParseCallback of
// the [Authorization] says whether they have renewed it.
func (u *User) ReauthorizeAccount(
	ctx context.Context, account AccountID, o ReauthorizeAccountOptions,
) (Authorization, error) {
	if err := errors.Join(checkAccount(account), checkRedirectURL(o.RedirectURL)); err != nil {
		return Authorization{}, fmt.Errorf("reauthorize account: %w", err)
	}
	auth, code, err := u.tokenReference(ctx, o.RedirectURL, o.State, o.Session)
	if err != nil {
		return Authorization{}, fmt.Errorf("reauthorize account: %w", err)
	}
	reference, err := u.contract.accountReference(ctx, account)
	if err != nil {
		return Authorization{}, fmt.Errorf("reauthorize account: %w", err)
	}
	query := url.Values{"accountRef": {reference}}
	setText(query, "lng", o.Locale)
	auth.URL = u.contract.client.pageURL("reauthorize", code, query)
	return auth, nil
}

// ReauthorizeOptions are the options of [User.Reauthorize]. Only RedirectURL is required.
type ReauthorizeOptions struct {
	// RedirectURL is where the person's browser returns to: one of the contract's redirect URIs.
	RedirectURL string
	// State comes back to the redirect URL unchanged. Leave it empty, so that a random one is used, or set a random
	// text: if others can guess it, they can forge a callback.
	State string
	// SkipFetch fetches no data from the sources now.
	SkipFetch bool
	// Session says what the session of [Authorization.Session] reads. By default it reads all that the contract
	// allows.
	Session SessionOptions
	// Locale is the language of the pages, such as "nl". The default is the language of the browser.
	Locale string
}

// Reauthorize starts to let the person renew a consent whose refresh token has expired ([ErrReauthorize]). They return
// with a code for [Contract.Exchange]; create a new [User] with the token that it gives. [ErrRevoked] says that the
// consent no longer exists: then only [Contract.Authorize] helps.
func (u *User) Reauthorize(ctx context.Context, o ReauthorizeOptions) (Authorization, error) {
	token := u.Token()
	if err := errors.Join(token.check(), checkRedirectURL(o.RedirectURL)); err != nil {
		return Authorization{}, fmt.Errorf("reauthorize: %w", err)
	}
	auth := Authorization{State: stateOr(o.State), Verifier: newVerifier()}
	cl := u.referenceCall(o.RedirectURL, auth.State, o.Session)
	cl.claims.AccessToken = token.AccessToken.Value.Reveal()
	cl.claims.CodeChallenge = wire.Challenge(auth.Verifier.Reveal())
	cl.claims.CodeChallengeMethod = wire.ChallengeS256
	var answer wire.SignedAnswer
	// The call accepts an expired access token, so there is nothing to refresh.
	if err := u.contract.callJSON(ctx, cl, &answer); err != nil {
		if errors.Is(err, ErrInvalidToken) {
			err = fmt.Errorf("%w: %w", ErrRevoked, err)
		}
		return Authorization{}, fmt.Errorf("reauthorize: %w", err)
	}
	code, err := u.contract.client.referenceCode(ctx, answer)
	if err != nil {
		return Authorization{}, fmt.Errorf("reauthorize: %w", err)
	}
	query := url.Values{}
	setText(query, "lng", o.Locale)
	setSkipFetch(query, o.SkipFetch)
	auth.URL = u.contract.client.pageURL("user-reauth", code, query)
	auth.Session = sessionKeyOf(answer.Session)
	return auth, nil
}

// tokenReference gets the code with which a page acts for the person.
func (u *User) tokenReference(
	ctx context.Context, redirectURL, state string, session SessionOptions,
) (Authorization, string, error) {
	auth := Authorization{State: stateOr(state)}
	var answer wire.SignedAnswer
	if err := u.doJSON(ctx, u.referenceCall(redirectURL, auth.State, session), &answer); err != nil {
		return Authorization{}, "", err
	}
	code, err := u.contract.client.referenceCode(ctx, answer)
	if err != nil {
		return Authorization{}, "", err
	}
	auth.Session = sessionKeyOf(answer.Session)
	return auth, code, nil
}

func (u *User) referenceCall(redirectURL, state string, session SessionOptions) call {
	return call{
		method: http.MethodPost,
		path:   literal("oauth/token/reference"),
		claims: wire.RequestClaims{RedirectURI: redirectURL, State: state},
		body:   u.contract.actionsBody(session),
	}
}

func (c *Client) referenceCode(ctx context.Context, answer wire.SignedAnswer) (string, error) {
	var claims wire.ReferenceClaims
	if err := c.openSigned(ctx, answer.Token, &claims); err != nil {
		return "", err
	}
	if claims.ReferenceCode == "" {
		return "", missing("code")
	}
	return claims.ReferenceCode, nil
}

// accountReference gets the opaque reference by which a page finds the account.
func (k *Contract) accountReference(ctx context.Context, account AccountID) (string, error) {
	var answer wire.ReferenceAnswer
	err := k.callJSON(ctx, call{
		method: http.MethodPost, path: literal("reference"),
		body: jsonBody(wire.ReferenceRequest{Type: "accountId", Value: string(account)}),
	}, &answer)
	if err == nil && answer.ID == "" {
		err = missing("reference")
	}
	return answer.ID, err
}

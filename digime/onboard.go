package digime

import (
	"context"
	"fmt"
	"net/http"

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
	// SampleDataAutoOnboard skips all pages at digi.me. It requires SampleDataSet. A Carrel skips pages only for
	// [Contract.Authorize], and here the person is asked as always.
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
// token stays valid. ParseCallback of the [Authorization] says whether they have connected it, and the AccountReference
// of the [Callback] which account of [User.ListAccounts] it is, if the server says so: Carrel does.
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

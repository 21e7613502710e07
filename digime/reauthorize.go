package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/digime/wire"
)

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
	handle, err := u.contract.handle(ctx, wire.ReferenceAccount, string(account))
	if err != nil {
		return Authorization{}, fmt.Errorf("reauthorize account: %w", err)
	}
	query := url.Values{"accountRef": {handle}}
	setText(query, "lng", o.Locale)
	auth.URL = u.contract.client.pageURL("reauthorize", code, query)
	return auth, nil
}

// handle gets the opaque name by which a page finds an account or a storage.
func (k *Contract) handle(ctx context.Context, kind, id string) (string, error) {
	var answer wire.ReferenceAnswer
	err := k.callJSON(ctx, call{
		method: http.MethodPost, path: literal("reference"),
		body: jsonBody(wire.ReferenceRequest{Type: kind, Value: id}),
	}, &answer)
	if err == nil && answer.ID == "" {
		err = missing("reference")
	}
	return answer.ID, err
}

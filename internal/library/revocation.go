package library

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// An application may ask its person to take one of their accounts from it. The person
// answers at a link: a yes disconnects an account at a provider; for the account that
// stands for the person it ends all that the application may do. What is to end has
// ended before the link is closed: were the server to stop between the two, the answer
// can be given again.

// OpenRevocation opens a link to take an account from the bearer's application and
// returns its code. Refusals are [*wire.Error]s: an account that is not there, hidden, or
// somebody else's is NotFound alike.
func (a *Connections) OpenRevocation(ctx context.Context, b *Bearer, id wire.AccountID, redirectURI string) (seal.Secret, error) {
	if !b.Client.Contract.allowsRedirect(redirectURI) {
		return seal.Secret{}, wire.InvalidRedirectURI(redirectURI)
	}
	if err := a.has(ctx, b, id); err != nil {
		return seal.Secret{}, err
	}
	now, code := a.now(), seal.NewSecret()
	link := AuthRequest{Hash: code.Hash(), Kind: RevokeRequest, ClientID: b.Client.ID(), RedirectURI: redirectURI, Library: b.Library.ID,
		Account: id, CreatedAt: now, ExpiresAt: now.Add(requestLifetime)}
	if err := a.consents.store.AddAuthRequest(ctx, link, Session{}); err != nil {
		return seal.Secret{}, fmt.Errorf("add link: %w", err)
	}
	return code, nil
}

// has refuses an account that the bearer's application does not see.
func (a *Connections) has(ctx context.Context, b *Bearer, id wire.AccountID) error {
	application := b.Client.Application.ID
	err := a.consents.ownAccount(ctx, b.Library.ID, application, id)
	if errors.Is(err, ErrNotFound) {
		_, err = a.getFor(ctx, b.Library.ID, application, id)
	}
	if errors.Is(err, ErrNotFound) {
		return wire.NotFound("Account").Because(err)
	}
	return err
}

// Revocation is what a yes to a link would end. It is empty if that has ended already.
type Revocation struct {
	// Account is the one at a provider that the link is about; nil if it is about all
	// that the application may do.
	Account *Connection
	// Grants are what the application may do; none if the link is about an account.
	Grants []GrantID
}

// Over reports whether there is nothing left to end.
func (v Revocation) Over() bool { return v.Account == nil && len(v.Grants) == 0 }

// Revocation finds what a person's yes to a link would end. It returns ErrWrongPerson.
func (a *Connections) Revocation(ctx context.Context, s *SignedIn, r *PendingRequest) (Revocation, error) {
	if err := r.checkPerson(s); err != nil {
		return Revocation{}, err
	}
	application := r.Client.Application.ID
	user, err := a.consents.store.GetUserAccount(ctx, s.Library.ID, application)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Revocation{}, fmt.Errorf("get account of the person: %w", err)
	}
	if err == nil && user.ID == r.Account {
		grants, err := a.consents.activeGrants(ctx, s, application)
		return Revocation{Grants: grants}, err
	}
	account, err := a.store.GetConnection(ctx, s.Library.ID, r.Account, true)
	switch {
	case errors.Is(err, ErrNotFound):
		return Revocation{}, nil
	case err != nil:
		return Revocation{}, fmt.Errorf("get account: %w", err)
	}
	return Revocation{Account: &account}, nil
}

// activeGrants are those of an application that stand.
func (c *Consents) activeGrants(ctx context.Context, s *SignedIn, application wire.ApplicationID) ([]GrantID, error) {
	grants, err := c.store.ListGrants(ctx, s.Library.ID)
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	var active []GrantID
	for _, g := range grants {
		if g.Application == application && g.Active(c.now()) {
			active = append(active, g.ID)
		}
	}
	return active, nil
}

// Revoke answers a link with yes and returns where to send the browser. It succeeds if
// there was nothing left to end. It returns ErrWrongPerson or ErrUsed.
func (a *Connections) Revoke(ctx context.Context, s *SignedIn, r *PendingRequest) (callback string, err error) {
	v, err := a.Revocation(ctx, s, r)
	if err != nil {
		return "", err
	}
	if v.Account != nil {
		if err := a.Disconnect(ctx, s, v.Account.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return "", err
		}
	}
	for _, grant := range v.Grants {
		if err := a.consents.Revoke(ctx, s, grant); err != nil {
			return "", err
		}
	}
	if err := a.consents.store.CloseAuthRequest(ctx, r.Hash, a.now(), "", nil); err != nil {
		return "", fmt.Errorf("close link: %w", err)
	}
	return r.callbackURL(url.Values{"result": {"success"}}), nil
}

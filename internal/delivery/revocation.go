package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// An application may ask its person to take one of their accounts from it. If the person agrees,
// an account at a provider is disconnected; for the account that stands for the person, all
// grants of the application are revoked. This is done before the request is closed: if the server
// stops between the two, the person can answer again.

// OpenRevocation adds a request to take an account from the bearer's application, and returns its
// code. It refuses a redirect URI with RefusedRedirectURI, and an account that is unknown, hidden
// or somebody else's with RefusedUnknown.
func (c *Connections) OpenRevocation(
	ctx context.Context,
	b *library.Bearer,
	id wire.AccountID,
	redirectURI string,
) (seal.Secret, error) {
	if !b.Client.Contract.AllowsRedirect(redirectURI) {
		return seal.Secret{}, library.InvalidRedirectURI(redirectURI)
	}
	if err := c.checkAccount(ctx, b, id); err != nil {
		return seal.Secret{}, err
	}
	return c.consents.AddRevocation(ctx, b, id, redirectURI)
}

// checkAccount refuses an account that the bearer's application does not see.
func (c *Connections) checkAccount(ctx context.Context, b *library.Bearer, id wire.AccountID) error {
	application := b.Client.Application.ID
	err := c.consents.CheckUserAccount(ctx, b.Library.ID, application, id)
	if errors.Is(err, library.ErrNotFound) {
		_, err = c.getAtApplication(ctx, b.Library.ID, application, id)
	}
	if errors.Is(err, library.ErrNotFound) {
		return library.Unknown("Account").Because(err)
	}
	return err
}

// Revocation is what a yes to a request would end. It is empty if that has ended already.
type Revocation struct {
	// Account is the account at a provider to disconnect; nil if the request is about the account
	// that stands for the person.
	Account *Connection
	// Grants are the grants to revoke; none if the request is about an account at a provider.
	Grants []library.GrantID
}

// Over reports whether there is nothing left to end.
func (r Revocation) Over() bool { return r.Account == nil && len(r.Grants) == 0 }

// Revocation finds what a person's yes to a request would end. It returns ErrWrongPerson.
func (c *Connections) Revocation(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
) (Revocation, error) {
	if err := r.CheckPerson(s); err != nil {
		return Revocation{}, err
	}
	application := r.Client.Application.ID
	user, err := c.consents.GetUserAccount(ctx, s.Library.ID, application)
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return Revocation{}, err
	}
	if err == nil && user.ID == r.Account {
		grants, err := c.consents.ListActiveGrants(ctx, s, application)
		return Revocation{Grants: grants}, err
	}
	connection, err := c.store.GetConnection(ctx, s.Library.ID, r.Account, true)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return Revocation{}, nil
	case err != nil:
		return Revocation{}, fmt.Errorf("get account: %w", err)
	}
	return Revocation{Account: &connection}, nil
}

// Revoke answers a request with yes and returns where to send the browser. It succeeds if there is
// nothing left to end. It returns ErrWrongPerson or ErrUsed.
func (c *Connections) Revoke(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
) (callback string, err error) {
	revocation, err := c.Revocation(ctx, s, r)
	if err != nil {
		return "", err
	}
	if revocation.Account != nil {
		if err := c.Disconnect(ctx, s, revocation.Account.ID); err != nil && !errors.Is(err, library.ErrNotFound) {
			return "", err
		}
	}
	if len(revocation.Grants) > 0 {
		if err := c.consents.RevokeApplication(ctx, s, r.Client.Application); err != nil {
			return "", err
		}
	}
	return c.consents.CompleteRevocation(ctx, s, r)
}

package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// An application may ask its person to take one of their accounts from it. The person
// answers at a link: a yes disconnects an account at a provider; for the account that
// stands for the person it ends all that the application may do. What is to end has
// ended before the link is closed: were the server to stop between the two, the answer
// can be given again.

// OpenRevocation opens a link to take an account from the bearer's application and
// returns its code. Refusals are [*library.Refusal]s: an account that is not there, hidden, or
// somebody else's is NotFound alike.
func (a *Connections) OpenRevocation(
	ctx context.Context,
	b *library.Bearer,
	id wire.AccountID,
	redirectURI string,
) (seal.Secret, error) {
	if !b.Client.Contract.AllowsRedirect(redirectURI) {
		return seal.Secret{}, library.InvalidRedirectURI(redirectURI)
	}
	if err := a.has(ctx, b, id); err != nil {
		return seal.Secret{}, err
	}
	return a.consents.AddRevocation(ctx, b, id, redirectURI)
}

// has refuses an account that the bearer's application does not see.
func (a *Connections) has(ctx context.Context, b *library.Bearer, id wire.AccountID) error {
	application := b.Client.Application.ID
	err := a.consents.CheckUserAccount(ctx, b.Library.ID, application, id)
	if errors.Is(err, library.ErrNotFound) {
		_, err = a.getAtApplication(ctx, b.Library.ID, application, id)
	}
	if errors.Is(err, library.ErrNotFound) {
		return library.Unknown("Account").Because(err)
	}
	return err
}

// Revocation is what a yes to a link would end. It is empty if that has ended already.
type Revocation struct {
	// Account is the one at a provider that the link is about; nil if it is about all
	// that the application may do.
	Account *Connection
	// Grants are what the application may do; none if the link is about an account.
	Grants []library.GrantID
}

// Over reports whether there is nothing left to end.
func (v Revocation) Over() bool { return v.Account == nil && len(v.Grants) == 0 }

// Revocation finds what a person's yes to a link would end. It returns ErrWrongPerson.
func (a *Connections) Revocation(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
) (Revocation, error) {
	if err := r.CheckPerson(s); err != nil {
		return Revocation{}, err
	}
	application := r.Client.Application.ID
	user, err := a.consents.GetUserAccount(ctx, s.Library.ID, application)
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return Revocation{}, err
	}
	if err == nil && user.ID == r.Account {
		grants, err := a.consents.ListActiveGrants(ctx, s, application)
		return Revocation{Grants: grants}, err
	}
	account, err := a.store.GetConnection(ctx, s.Library.ID, r.Account, true)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return Revocation{}, nil
	case err != nil:
		return Revocation{}, fmt.Errorf("get account: %w", err)
	}
	return Revocation{Account: &account}, nil
}

// Revoke answers a link with yes and returns where to send the browser. It succeeds if
// there was nothing left to end. It returns ErrWrongPerson or ErrUsed.
func (a *Connections) Revoke(
	ctx context.Context,
	s *library.SignedIn,
	r *library.PendingRequest,
) (callback string, err error) {
	v, err := a.Revocation(ctx, s, r)
	if err != nil {
		return "", err
	}
	if v.Account != nil {
		if err := a.Disconnect(ctx, s, v.Account.ID); err != nil && !errors.Is(err, library.ErrNotFound) {
			return "", err
		}
	}
	for _, grant := range v.Grants {
		if err := a.consents.Revoke(ctx, s, grant); err != nil {
			return "", err
		}
	}
	return a.consents.CompleteRevocation(ctx, r)
}

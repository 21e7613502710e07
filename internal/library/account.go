package library

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Account is the account, of type USER, that stands for a person at an application. Accounts
// at providers are connections; see package delivery.
type Account struct {
	ID          wire.AccountID
	Reference   AccountReference
	Library     ID
	Application wire.ApplicationID
	// Subject is the person's pairwise name at the application: the sub claim.
	Subject   string
	CreatedAt time.Time
	// HiddenAt is when the application deleted the account; zero if it has not. From then on
	// the application neither sees the account nor can refer to it, until the person's next
	// consent.
	HiddenAt time.Time
}

// AccountStore stores the accounts that stand for people at applications.
type AccountStore interface {
	// GetImportTimes returns when the person has added the first and the last of their own files to a library. It
	// returns ErrNotFound if there are none. The time that it takes does not depend on how many there are.
	GetImportTimes(ctx context.Context, id ID) (first, last time.Time, err error)
	// ListAccounts lists a library's accounts at an application, without hidden ones.
	ListAccounts(ctx context.Context, id ID, application wire.ApplicationID) ([]Account, error)
	// GetUserAccount returns the account that stands for the person at an application, a hidden
	// one too.
	GetUserAccount(ctx context.Context, id ID, application wire.ApplicationID) (Account, error)
	// HideAccount sets HiddenAt of the account that stands for the person at an application. If
	// it is hidden already, the first time stays. It is no error if there is no account.
	HideAccount(ctx context.Context, id ID, application wire.ApplicationID, at time.Time) error
}

// serviceTypeUser is the service type of accounts that stand for the person.
const serviceTypeUser = 1

func newAccount(id ID, application wire.ApplicationID, now time.Time) Account {
	return Account{
		ID:        wire.AccountID(fmt.Sprintf("%d_%s", serviceTypeUser, wire.RandomAlphanumeric(22))),
		Reference: AccountReference(wire.RandomAlphanumeric(16)),
		Library:   id, Application: application,
		Subject:   wire.RandomAlphanumeric(32),
		CreatedAt: now,
	}
}

// ListAccounts lists the accounts that stand for the bearer's person at the application, as the protocol has them, and
// those that stand for what the person has added to the library themselves.
func (c *Consents) ListAccounts(ctx context.Context, b *Bearer) ([]wire.Account, error) {
	accounts, err := c.store.ListAccounts(ctx, b.Library.ID, b.Client.Application.ID)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	list := make([]wire.Account, 0, len(accounts))
	for _, a := range accounts {
		created := wire.MillisOf(a.CreatedAt)
		list = append(list, wire.Account{
			ID: a.ID, Reference: string(a.Reference), Type: wire.AccountTypeUser, CreatedDate: created,
			UpdatedDate:    created,
			ServiceGroupID: 1, ServiceGroupName: "Library",
			ServiceTypeID: serviceTypeUser, ServiceTypeName: "Library", ServiceTypeReference: "library", SourceID: 1,
			AccessTokenStatus: &wire.AccessTokenStatus{Authorized: true, ExpiresAt: wire.MillisOf(b.Grant.ExpiresAt)},
		})
	}
	imported, err := c.importedAccounts(ctx, b, accounts)
	return append(list, imported...), err
}

// GetUserAccount returns the account that stands for a person at an application, a hidden one
// too.
func (c *Consents) GetUserAccount(ctx context.Context, id ID, application wire.ApplicationID) (Account, error) {
	account, err := c.store.GetUserAccount(ctx, id, application)
	if err != nil {
		return Account{}, fmt.Errorf("get account of the person: %w", err)
	}
	return account, nil
}

// CheckUserAccount returns ErrNotFound unless the account is the one that stands for the
// person at an application, and is not hidden there.
func (c *Consents) CheckUserAccount(
	ctx context.Context,
	library ID,
	application wire.ApplicationID,
	id wire.AccountID,
) error {
	accounts, err := c.store.ListAccounts(ctx, library, application)
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	if !slices.ContainsFunc(accounts, func(a Account) bool { return a.ID == id }) {
		return fmt.Errorf("account is not this person's: %w", ErrNotFound)
	}
	return nil
}

// HideUserAccount hides the account that stands for the bearer's person from the application,
// until the person's next consent. It reports whether id names that account.
func (c *Consents) HideUserAccount(ctx context.Context, b *Bearer, id wire.AccountID) (bool, error) {
	account, err := c.GetUserAccount(ctx, b.Library.ID, b.Client.Application.ID)
	if errors.Is(err, ErrNotFound) || err == nil && account.ID != id {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := c.store.HideAccount(ctx, b.Library.ID, b.Client.Application.ID, c.now()); err != nil {
		return false, fmt.Errorf("hide account: %w", err)
	}
	return true, nil
}

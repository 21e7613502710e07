package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
)

// ReadAccounts lists the accounts that the person has connected, as far as the
// contract lets them be seen.
func (u *User) ReadAccounts(ctx context.Context) ([]Account, error) {
	var accounts []Account
	err := u.doJSON(ctx, call{method: http.MethodGet, path: literal("permission-access/accounts")}, &accounts)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return accounts, nil
}

// DeleteAccount disconnects an account and deletes what was read from it. Deleting
// it again succeeds. Carrel lists the account that stands for the person, of type
// [AccountUser], no more until their next consent; the tokens stay good.
func (u *User) DeleteAccount(ctx context.Context, account AccountID) error {
	err := u.doJSON(ctx, call{
		method: http.MethodDelete,
		path:   literal("permission-access/service/h:accountId"),
		header: map[string]string{"accountId": string(account)},
	}, nil)
	if err != nil {
		return fmt.Errorf("delete account: %w", err)
	}
	return nil
}

// RevokeAccountURL is where to send the person to take back the permission for one of
// their accounts. With Carrel, a yes disconnects an account at a provider; for the account
// that stands for the person, of type [AccountUser], it ends all that the application may
// do. The browser comes back to callback, which [ParseCallback] reads.
func (u *User) RevokeAccountURL(ctx context.Context, account AccountID, callback string) (string, error) {
	if err := checkCallback(callback); err != nil {
		return "", fmt.Errorf("revoke account: %w", err)
	}
	var answer wire.RevokeAnswer
	err := u.doJSON(ctx, call{
		method: http.MethodGet,
		path:   literal("permission-access/revoke/h:accountId"),
		header: map[string]string{"accountId": string(account), "redirectUri": callback},
	}, &answer)
	if err == nil && answer.Location == "" {
		err = errors.New("the server's answer has no location")
	}
	if err != nil {
		return "", fmt.Errorf("revoke account: %w", err)
	}
	return answer.Location, nil
}

// DeleteUser deletes the person's library and everything in it, for good. All
// their tokens end, those of other contracts too.
func (u *User) DeleteUser(ctx context.Context) error {
	err := u.doJSON(ctx, call{method: http.MethodDelete, path: literal("user")}, nil)
	if err != nil {
		return fmt.Errorf("delete user: %w", err)
	}
	return nil
}

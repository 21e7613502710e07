package digime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// AccountType is what an [Account] is for.
type AccountType string

// The account types that this package uses. digi.me has more, such as "BANK".
const (
	// AccountUser is the account that represents the person at the application itself, or an account at a source that
	// data is read from. At a Carrel the former is the one whose ServiceTypeReference is "library".
	AccountUser AccountType = "USER"
	// AccountPush is the account at a provider that [User.PushToProvider] sends to.
	AccountPush AccountType = "PUSH"
	// AccountImported is the account of the files that the person has added to the library. The metadata of these files
	// has its id.
	AccountImported AccountType = "IMPORTED"
)

// Account is one account of a person at a source or provider. It marshals to the JSON of the protocol.
// Do not embed it in a struct that is marshalled: the struct would inherit its MarshalJSON and UnmarshalJSON, and lose
// its other fields. Give it a field with a name.
type Account struct {
	// ID identifies the account.
	ID AccountID
	// Reference is the reference that a callback gives for the account: see [Callback.AccountReference].
	Reference string
	// Type is what the account is for.
	Type AccountType
	// CreatedAt is when the person connected the account.
	CreatedAt time.Time
	// UpdatedAt is when the account last changed.
	UpdatedAt time.Time
	// ServiceGroupID identifies the group of the service.
	ServiceGroupID ServiceGroupID
	// ServiceGroupName is the name of the group of the service.
	ServiceGroupName string
	// ServiceTypeID identifies the service.
	ServiceTypeID ServiceID
	// ServiceTypeName is the name of the service.
	ServiceTypeName string
	// ServiceTypeReference is the name of the service for programs.
	ServiceTypeReference string
	// SourceID identifies the source in the catalogue.
	SourceID SourceID
	// ServiceProviderID identifies the organisation that the source belongs to.
	ServiceProviderID int
	// ServiceProviderName is the name of the organisation.
	ServiceProviderName string
	// ServiceProviderReference is the name of the organisation for programs.
	ServiceProviderReference string
	// AccessTokenStatus says whether the server still has access to the account; nil if that is not known.
	AccessTokenStatus *AccessTokenStatus
	// Username is the name of the person at the source.
	Username string
	// ProviderFavIcon is the address of a small picture of the organisation.
	ProviderFavIcon string
	// ProviderLogo is the address of a picture of the organisation.
	ProviderLogo string
	// Sample says that the data of the account is sample data.
	Sample bool
}

// AccessTokenStatus says whether the server still has access to an account.
type AccessTokenStatus struct {
	// Authorized is false if the person has to renew the permission: see [User.ReauthorizeAccount].
	Authorized bool
	// ExpiresAt is when the access ends; zero if that is not known.
	ExpiresAt time.Time
}

// ListAccounts returns the accounts that the person has connected and that the contract lets the application see.
func (u *User) ListAccounts(ctx context.Context) ([]Account, error) {
	var accounts []Account
	err := u.doJSON(ctx, call{method: http.MethodGet, path: literal("permission-access/accounts")}, &accounts)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return accounts, nil
}

// DeleteAccount disconnects an account: nothing more is read from it or pushed to it. At digi.me that deletes what was
// read from it; at a Carrel it stays in the person's library. To delete an account again is no error. The one that
// represents the person (see [AccountUser]) a Carrel no longer lists until the next consent, and the tokens stay valid.
func (u *User) DeleteAccount(ctx context.Context, account AccountID) error {
	err := checkAccount(account)
	if err == nil {
		err = u.do(ctx, call{
			method: http.MethodDelete,
			path:   literal("permission-access/service/h:accountId"),
			header: map[string]string{"accountId": string(account)},
		}, readAcknowledgement)
	}
	if err != nil {
		return fmt.Errorf("delete account: %w", err)
	}
	return nil
}

// RevokeAccountURL returns the address of a page where the person can revoke the permission for an account. At a Carrel
// that disconnects an account at a provider or a source; for the account that represents the person (see [AccountUser])
// it ends the consent. The browser returns to the redirect URL, whose query [ParseRevokeCallback] reads.
func (u *User) RevokeAccountURL(ctx context.Context, account AccountID, redirectURL string) (string, error) {
	if err := errors.Join(checkAccount(account), checkRedirectURL(redirectURL)); err != nil {
		return "", fmt.Errorf("revoke account: %w", err)
	}
	var answer wire.RevokeAnswer
	err := u.doJSON(ctx, call{
		method: http.MethodGet,
		path:   literal("permission-access/revoke/h:accountId"),
		header: map[string]string{"accountId": string(account), "redirectUri": redirectURL},
	}, &answer)
	if err == nil && answer.Location == "" {
		err = missing("location")
	}
	if err != nil {
		return "", fmt.Errorf("revoke account: %w", err)
	}
	return answer.Location, nil
}

func checkAccount(account AccountID) error {
	if account == "" {
		return invalid("no account id")
	}
	return nil
}

// MarshalJSON writes the JSON of the protocol.
func (a Account) MarshalJSON() ([]byte, error) {
	w := wire.Account{
		ID: wire.AccountID(a.ID), Reference: a.Reference, Type: string(a.Type),
		CreatedDate: millisOf(a.CreatedAt), UpdatedDate: millisOf(a.UpdatedAt),
		ServiceGroupID: int(a.ServiceGroupID), ServiceGroupName: a.ServiceGroupName,
		ServiceTypeID: int(a.ServiceTypeID), ServiceTypeName: a.ServiceTypeName,
		ServiceTypeReference: a.ServiceTypeReference, SourceID: int(a.SourceID),
		ServiceProviderID: a.ServiceProviderID, ServiceProviderName: a.ServiceProviderName,
		ServiceProviderReference: a.ServiceProviderReference,
		Username:                 a.Username, ProviderFavIcon: a.ProviderFavIcon,
		ProviderLogo: a.ProviderLogo, Sample: a.Sample,
	}
	if s := a.AccessTokenStatus; s != nil {
		w.AccessTokenStatus = &wire.AccessTokenStatus{Authorized: s.Authorized, ExpiresAt: millisOf(s.ExpiresAt)}
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads the JSON of the protocol.
func (a *Account) UnmarshalJSON(data []byte) error {
	var w wire.Account
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*a = Account{
		ID: AccountID(w.ID), Reference: w.Reference, Type: AccountType(w.Type),
		CreatedAt: timeOf(w.CreatedDate), UpdatedAt: timeOf(w.UpdatedDate),
		ServiceGroupID: ServiceGroupID(w.ServiceGroupID), ServiceGroupName: w.ServiceGroupName,
		ServiceTypeID: ServiceID(w.ServiceTypeID), ServiceTypeName: w.ServiceTypeName,
		ServiceTypeReference: w.ServiceTypeReference, SourceID: SourceID(w.SourceID),
		ServiceProviderID: w.ServiceProviderID, ServiceProviderName: w.ServiceProviderName,
		ServiceProviderReference: w.ServiceProviderReference,
		Username:                 w.Username, ProviderFavIcon: w.ProviderFavIcon,
		ProviderLogo: w.ProviderLogo, Sample: w.Sample,
	}
	if s := w.AccessTokenStatus; s != nil {
		a.AccessTokenStatus = &AccessTokenStatus{Authorized: s.Authorized, ExpiresAt: timeOf(s.ExpiresAt)}
	}
	return nil
}

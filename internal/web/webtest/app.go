package webtest

import (
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// The callbacks of applications.
const (
	WebCallback   = "https://clinic.example/callback?from=carrel"
	PhoneCallback = "clinic-app://callback"
)

// App is an application with a contract.
type App struct {
	library.Client
	application *carreltest.Application
	contract    *carreltest.Contract
	w           *World
}

// Option changes what [World.Register] registers.
type Option func(*library.Application, *library.Contract)

// Reads makes the contract one that reads files.
func Reads(scope library.Scope) Option {
	return func(_ *library.Application, c *library.Contract) { c.Access, c.Scope = library.Read, scope }
}

// GrantFor limits how long a consent lasts.
func GrantFor(d time.Duration) Option {
	return func(_ *library.Application, c *library.Contract) { c.GrantFor = d }
}

// CallsBack adds a callback, and makes it the first.
func CallsBack(callback string) Option {
	return func(_ *library.Application, c *library.Contract) {
		c.RedirectURIs = append([]string{callback}, c.RedirectURIs...)
	}
}

// SaysNothing leaves out what an application may say of itself, and that the operator has checked it.
func SaysNothing(a *library.Application, c *library.Contract) {
	a.Checked, c.Terms, c.Privacy, c.Purpose = false, "", "", ""
}

// DeletesLibrary lets the contract delete a person's whole library.
func DeletesLibrary(_ *library.Application, c *library.Contract) { c.DeletesLibrary = true }

// Sandbox lets requests under the contract skip the pages.
func Sandbox(_ *library.Application, c *library.Contract) { c.Sandbox = true }

// Register registers an application whose contract adds files, unless an option says otherwise.
func (w *World) Register(name string, options ...Option) *App {
	w.T.Helper()
	var k library.Contract
	a := w.Application(func(a *library.Application) {
		*a = library.Application{Name: name, About: name + " B.V. in Utrecht, clinic.example", Checked: true}
		k = newContract()
		for _, o := range options {
			o(a, &k)
		}
	})
	return w.addContract(a, k)
}

// Another registers another contract of the same application.
func (a *App) Another(options ...Option) *App {
	a.w.T.Helper()
	k := newContract()
	for _, o := range options {
		o(&library.Application{}, &k)
	}
	return a.w.addContract(a.application, k)
}

func newContract() library.Contract {
	return library.Contract{
		Access: library.Write, RedirectURIs: []string{WebCallback, PhoneCallback},
		Purpose: "We put your lab results in your library, so that you have them together in one place.",
		Terms:   "Be kind.\nThat is all.", Privacy: "https://clinic.example/privacy",
	}
}

func (w *World) addContract(a *carreltest.Application, k library.Contract) *App {
	w.T.Helper()
	contract := a.Contract(k.Access, func(registered *library.Contract) {
		k.Application, k.PublicKey = registered.Application, registered.PublicKey
		*registered = k
	})
	return &App{contract.Client, a, contract, w}
}

// Edit changes the contract, as the operator does.
func (a *App) Edit(change func(*library.Contract)) {
	a.w.T.Helper()
	ctx, clients := a.w.T.Context(), a.w.Clients
	was := carreltest.Must(clients.GetClientOfContract(ctx, a.Contract.ID))(a.w.T).Contract
	k := was
	change(&k)
	if err := clients.UpdateContract(ctx, was, k); err != nil {
		a.w.T.Fatal(err)
	}
}

// DeletesUser makes the call "delete user" for the person of an access token.
func (a *App) DeletesUser(accessToken string) {
	a.w.T.Helper()
	if err := a.w.People.DeleteForBearer(a.w.T.Context(), a.Bearer(accessToken), a.w.Consents); err != nil {
		a.w.T.Fatal(err)
	}
}

// LibraryOf returns the library of the person of an access token.
func (a *App) LibraryOf(accessToken string) library.Library {
	a.w.T.Helper()
	return a.Bearer(accessToken).Library
}

// Disable ends the contract.
func (a *App) Disable() {
	a.w.T.Helper()
	if err := a.w.Clients.DisableContract(a.w.T.Context(), a.Contract.ID); err != nil {
		a.w.T.Fatal(err)
	}
}

// Authorize asks for consent and returns the code of the request.
func (a *App) Authorize(callback string) string { return a.AuthorizeLinked(callback, "") }

// AuthorizeLinked is Authorize for the library of an access token.
func (a *App) AuthorizeLinked(callback, accessToken string) string {
	a.w.T.Helper()
	return a.contract.Authorizes(func(q *wire.RequestClaims) {
		q.RedirectURI, q.State, q.AccessToken = callback, "the state", accessToken
	}).Code.Reveal()
}

// AuthorizeURL asks for consent and returns the address of the request. It asks to send to a provider.
func (a *App) AuthorizeURL(callback string) string { return AuthorizeURL(a.Authorize(callback)) }

// AuthorizeURL is the address of a request with a code. It asks to send to a provider.
func AuthorizeURL(code string) string { return "/apps/saas/authorize?sourceType=push&code=" + code }

// OnboardURL asks to connect a provider for the person of an access token. The path may be that of another request.
func (a *App) OnboardURL(path, accessToken string) string {
	a.w.T.Helper()
	return a.tokenURL(path, wire.RequestClaims{AccessToken: accessToken})
}

// ReauthURL asks to renew the consent of the person of an access token.
func (a *App) ReauthURL(callback, accessToken string) string {
	a.w.T.Helper()
	return a.tokenURL("/apps/saas/user-reauth?", wire.RequestClaims{
		RedirectURI: callback, AccessToken: accessToken,
		CodeChallenge: wire.Challenge(carreltest.Verifier), CodeChallengeMethod: wire.ChallengeS256,
	})
}

// tokenURL adds the code of a request for the person of an access token to an address.
func (a *App) tokenURL(address string, claims wire.RequestClaims) string {
	a.w.T.Helper()
	claims.State = "the state"
	if claims.RedirectURI == "" {
		claims.RedirectURI = a.Contract.RedirectURIs[0]
	}
	result, err := a.w.Consents.AuthorizeForToken(a.w.T.Context(), a.call(claims), wire.SessionOptions{})
	if err != nil {
		a.w.T.Fatal(err)
	}
	if !strings.HasSuffix(address, "?") {
		address += "&"
	}
	return address + "code=" + result.Code.Reveal()
}

// RevokeURL asks to revoke an account.
func (a *App) RevokeURL(callback, accessToken string, account wire.AccountID) string {
	a.w.T.Helper()
	code, err := a.w.Connections.OpenRevocation(a.w.T.Context(), a.Bearer(accessToken), account, callback)
	if err != nil {
		a.w.T.Fatal(err)
	}
	return "/apps/saas/revoke?code=" + code.Reveal()
}

// call is a signed request with claims.
func (a *App) call(claims wire.RequestClaims) *library.SignedRequest {
	a.w.T.Helper()
	return a.contract.Requests(func(q *wire.RequestClaims) {
		claims.ClientID, claims.Nonce, claims.Timestamp = q.ClientID, q.Nonce, q.Timestamp
		*q = claims
	})
}

// Bearer is who an access token speaks for.
func (a *App) Bearer(accessToken string) *library.Bearer {
	a.w.T.Helper()
	return carreltest.Must(a.contract.GrantOfToken(accessToken).Bearer())(a.w.T)
}

// Exchange exchanges the code of a callback for an access token.
func (a *App) Exchange(callback *url.URL) string {
	a.w.T.Helper()
	request := a.contract.Requests(carreltest.Exchanging(callback.Query().Get("code")))
	token := carreltest.Must(a.w.Consents.Exchange(a.w.T.Context(), request))(a.w.T).AccessToken.Value
	a.w.Secrets.Plant(token)
	return token
}

// Push adds a file.
func (a *App) Push(accessToken string, d wire.Descriptor, content string) library.File {
	a.w.T.Helper()
	d.Accounts = []wire.DescriptorAccount{{AccountID: "patient-42"}}
	return carreltest.Must(a.contract.GrantOfToken(accessToken).PushesAs(&d, []byte(content)))(a.w.T)
}

// AddFiles adds many files to the database alone; see [carreltest.Grant.AddsFiles].
func (a *App) AddFiles(accessToken string, number int, newer time.Duration, m wire.RawMetadata) {
	a.w.T.Helper()
	a.contract.GrantOfToken(accessToken).AddsFiles(number, newer, m)
}

// Send sends resources of the given types to a provider.
func (a *App) Send(accessToken string, account wire.AccountID, types ...string) delivery.Delivery {
	a.w.T.Helper()
	resource := delivery.Resource{Version: fhir.STU3, Types: types, Body: []byte(`{}`)}
	return carreltest.Must(a.contract.GrantOfToken(accessToken).Sends(account, resource))(a.w.T).Delivery
}

// Connections lists the accounts at providers that the application knows of.
func (a *App) Connections(accessToken string) []wire.Account {
	a.w.T.Helper()
	all, err := a.w.Connections.ListForBearer(a.w.T.Context(), a.Bearer(accessToken))
	if err != nil {
		a.w.T.Fatal(err)
	}
	var list []wire.Account
	for _, account := range all {
		if account.Type == wire.AccountTypePush || account.Sample { // the other one stands for the person
			list = append(list, account)
		}
	}
	return list
}

// ConnectionTo is the account at a source.
func (a *App) ConnectionTo(accessToken string, source int) wire.AccountID {
	a.w.T.Helper()
	for _, account := range a.Connections(accessToken) {
		if account.SourceID == source {
			return account.ID
		}
	}
	a.w.T.Fatalf("no account at source %d", source)
	return ""
}

// UserAccount is the account that stands for the person at the application.
func (a *App) UserAccount(accessToken string) wire.AccountID {
	a.w.T.Helper()
	list, err := a.w.Consents.ListAccounts(a.w.T.Context(), a.Bearer(accessToken))
	if err != nil || len(list) != 1 {
		a.w.T.Fatalf("accounts %v, %v", list, err)
	}
	return list[0].ID
}

// Disconnect disconnects an account.
func (a *App) Disconnect(accessToken string, account wire.AccountID) {
	a.w.T.Helper()
	if err := a.w.Connections.DeleteForBearer(a.w.T.Context(), a.Bearer(accessToken), account); err != nil {
		a.w.T.Fatal(err)
	}
}

// AccountHandle is the handle by which the address of a request names an account.
func (a *App) AccountHandle(accessToken string, account wire.AccountID) string {
	a.w.T.Helper()
	handle, err := a.w.Consents.AddAccountHandle(a.w.T.Context(), a.call(wire.RequestClaims{AccessToken: accessToken}),
		wire.ReferenceRequest{Type: "accountId", Value: string(account)})
	if err != nil {
		a.w.T.Fatal(err)
	}
	return handle
}

// CreatesStorage makes a storage that belongs to nobody yet.
func (a *App) CreatesStorage() library.StorageID {
	a.w.T.Helper()
	return a.contract.CreatesStorage()
}

// StorageHandle is the handle by which the address of a request names a storage.
func (a *App) StorageHandle(id library.StorageID) string {
	a.w.T.Helper()
	return carreltest.Must(a.contract.RefersTo(id))(a.w.T)
}

// Uploads stores a file in a storage.
func (a *App) Uploads(id library.StorageID, p storage.Path, content string) {
	a.w.T.Helper()
	carreltest.Must(a.contract.Uploads(id, p, []byte(content)))(a.w.T)
}

// Reads starts a session and returns all files in it: their contents by their names.
func (a *App) Reads(accessToken string) (map[string]string, error) {
	a.w.T.Helper()
	return a.contract.GrantOfToken(accessToken).Reads()
}

// Works reports whether an access token of the application's is valid.
func (a *App) Works(accessToken string) bool {
	a.w.T.Helper()
	_, err := a.contract.GrantOfToken(accessToken).Bearer()
	return err == nil
}

// GrantOf is the id of the grant of an access token.
func (a *App) GrantOf(accessToken string) string {
	a.w.T.Helper()
	return string(a.Bearer(accessToken).Grant.ID)
}

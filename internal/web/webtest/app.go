package webtest

import (
	"crypto/rand"
	"crypto/rsa"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/library"
)

// The callbacks of applications.
const (
	WebCallback   = "https://clinic.example/callback?from=carrel"
	PhoneCallback = "clinic-app://callback"
)

const verifier = "a-verifier-of-the-test-that-is-long-enough-to-be-one"

// App is an application with a contract.
type App struct {
	library.Client
	w *World
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

// Register registers an application whose contract adds files, unless an option says otherwise.
func (w *World) Register(name string, options ...Option) *App {
	w.T.Helper()
	a := library.Application{Name: name, About: name + " B.V. in Utrecht, clinic.example", Checked: true}
	c := library.Contract{
		Access: library.Write, PublicKey: string(wire.MarshalPublicKey(&contractKey().PublicKey)),
		RedirectURIs: []string{WebCallback, PhoneCallback},
		Purpose:      "We put your lab results in your library, so that you have them together in one place.",
		Terms:        "Be kind.\nThat is all.", Privacy: "https://clinic.example/privacy",
	}
	for _, o := range options {
		o(&a, &c)
	}
	a, err := w.clients.AddApplication(w.T.Context(), a)
	if err != nil {
		w.T.Fatal(err)
	}
	c.Application = a.ID
	if c, err = w.clients.AddContract(w.T.Context(), c); err != nil {
		w.T.Fatal(err)
	}
	return &App{library.Client{Application: a, Contract: c}, w}
}

var contractKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// Disable ends the contract.
func (a *App) Disable() {
	a.w.T.Helper()
	if err := a.w.clients.DisableContract(a.w.T.Context(), a.Contract.ID); err != nil {
		a.w.T.Fatal(err)
	}
}

// Authorize asks for consent and returns the code of the request.
func (a *App) Authorize(callback string) string { return a.AuthorizeLinked(callback, "") }

// AuthorizeLinked is Authorize for the library of an access token.
func (a *App) AuthorizeLinked(callback, accessToken string) string {
	a.w.T.Helper()
	claims := wire.RequestClaims{
		RedirectURI: callback, State: "the state", AccessToken: accessToken,
		CodeChallenge: wire.Challenge(verifier), CodeChallengeMethod: wire.ChallengeS256,
	}
	result, err := a.w.Config.Consents.Authorize(a.w.T.Context(), a.call(claims), wire.SessionOptions{})
	if err != nil {
		a.w.T.Fatal(err)
	}
	return result.Code.Reveal()
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
		CodeChallenge: wire.Challenge(verifier), CodeChallengeMethod: wire.ChallengeS256,
	})
}

// tokenURL adds the code of a request for the person of an access token to an address.
func (a *App) tokenURL(address string, claims wire.RequestClaims) string {
	a.w.T.Helper()
	claims.State = "the state"
	if claims.RedirectURI == "" {
		claims.RedirectURI = a.Contract.RedirectURIs[0]
	}
	result, err := a.w.Config.Consents.AuthorizeForToken(a.w.T.Context(), a.call(claims), wire.SessionOptions{})
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
	code, err := a.w.Config.Connections.OpenRevocation(a.w.T.Context(), a.bearer(accessToken), account, callback)
	if err != nil {
		a.w.T.Fatal(err)
	}
	return "/apps/saas/revoke?code=" + code.Reveal()
}

func (a *App) call(claims wire.RequestClaims) *library.SignedRequest {
	return &library.SignedRequest{Client: a.Client, Claims: claims}
}

func (a *App) bearer(accessToken string) *library.Bearer {
	a.w.T.Helper()
	bearer, err := a.w.Config.Consents.Bearer(a.w.T.Context(), a.call(wire.RequestClaims{AccessToken: accessToken}))
	if err != nil {
		a.w.T.Fatal(err)
	}
	return bearer
}

// Exchange exchanges the code of a callback for an access token.
func (a *App) Exchange(callback *url.URL) string {
	a.w.T.Helper()
	claims := wire.RequestClaims{Code: callback.Query().Get("code"), CodeVerifier: verifier}
	tokens, err := a.w.Config.Consents.Exchange(a.w.T.Context(), a.call(claims))
	if err != nil {
		a.w.T.Fatal(err)
	}
	return tokens.AccessToken.Value
}

// Push adds a file.
func (a *App) Push(accessToken string, d wire.Descriptor, content string) library.File {
	a.w.T.Helper()
	token, err := wire.Sign(contractKey(), wire.Header{}, wire.RequestClaims{
		ClientID: a.ID().String(), Nonce: wire.NewNonce(), Timestamp: wire.MillisOf(a.w.Now()),
		AccessToken: accessToken,
	})
	if err != nil {
		a.w.T.Fatal(err)
	}
	call, err := a.w.clients.Verify(a.w.T.Context(), token)
	if err != nil {
		a.w.T.Fatal(err)
	}
	bearer, err := a.w.Config.Consents.Bearer(a.w.T.Context(), call)
	if err != nil {
		a.w.T.Fatal(err)
	}
	d.Accounts = []wire.DescriptorAccount{{AccountID: "patient-42"}}
	file, err := a.w.Config.Files.Push(a.w.T.Context(), bearer, &d, strings.NewReader(content))
	if err != nil {
		a.w.T.Fatal(err)
	}
	return file
}

// Send sends resources of the given types to a provider.
func (a *App) Send(accessToken string, account wire.AccountID, types ...string) delivery.Delivery {
	a.w.T.Helper()
	ctx, queue := a.w.T.Context(), a.w.Config.Deliveries
	destination, err := queue.FindDestination(ctx, a.bearer(accessToken), account)
	if err != nil {
		a.w.T.Fatal(err)
	}
	resource := delivery.Resource{Version: fhir.STU3, Types: types, Body: []byte(`{}`)}
	queued, err := queue.Enqueue(ctx, destination, resource)
	if err != nil {
		a.w.T.Fatal(err)
	}
	return queued.Wait(ctx).Delivery
}

// Connections lists the accounts at providers that the application knows of.
func (a *App) Connections(accessToken string) []wire.Account {
	a.w.T.Helper()
	all, err := a.w.Config.Connections.ListForBearer(a.w.T.Context(), a.bearer(accessToken))
	if err != nil {
		a.w.T.Fatal(err)
	}
	var list []wire.Account
	for _, account := range all {
		if account.Type == wire.AccountTypePush {
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
	list, err := a.w.Config.Consents.ListAccounts(a.w.T.Context(), a.bearer(accessToken))
	if err != nil || len(list) != 1 {
		a.w.T.Fatalf("accounts %v, %v", list, err)
	}
	return list[0].ID
}

// Disconnect disconnects an account.
func (a *App) Disconnect(accessToken string, account wire.AccountID) {
	a.w.T.Helper()
	if err := a.w.Config.Connections.DeleteForBearer(a.w.T.Context(), a.bearer(accessToken), account); err != nil {
		a.w.T.Fatal(err)
	}
}

// Reference is the handle by which the address of a request names an account.
func (a *App) Reference(accessToken string, account wire.AccountID) string {
	a.w.T.Helper()
	ref, err := a.w.Config.Consents.AddReference(a.w.T.Context(), a.call(wire.RequestClaims{AccessToken: accessToken}),
		wire.ReferenceRequest{Type: "accountId", Value: string(account)})
	if err != nil {
		a.w.T.Fatal(err)
	}
	return ref
}

package carreltest

import (
	"crypto/rsa"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Callback is the redirect URI of every contract, unless it is registered with others. Nothing answers there.
const Callback = "https://app.example/callback"

// Application is a registered application.
type Application struct {
	library.Application
	w *World
}

// Application registers an application; change may alter it first.
func (w *World) Application(change ...func(*library.Application)) *Application {
	w.t.Helper()
	a := library.Application{Name: "An application"}
	for _, f := range change {
		f(&a)
	}
	return &Application{Must(w.Clients.AddApplication(w.t.Context(), a))(w.t), w}
}

// Contract is a registered contract with its application, as the server knows it, and the key that the
// application signs with.
type Contract struct {
	library.Client
	Key *rsa.PrivateKey
	w   *World
}

// World returns the contract's world.
func (c *Contract) World() *World { return c.w }

// Contract registers a contract; change may alter it first. Its key is [Key](0).
func (a *Application) Contract(access library.Access, change ...func(*library.Contract)) *Contract {
	a.w.t.Helper()
	return a.ContractWithKey(0, access, change...)
}

// ContractWithKey registers a contract whose key is [Key](n).
func (a *Application) ContractWithKey(n int, access library.Access, change ...func(*library.Contract)) *Contract {
	w := a.w
	w.t.Helper()
	key := Key(n)
	k := library.Contract{Application: a.ID, Access: access, RedirectURIs: []string{Callback},
		PublicKey: string(wire.MarshalPublicKey(&key.PublicKey))}
	for _, f := range change {
		f(&k)
	}
	added := Must(w.Clients.AddContract(w.t.Context(), k))(w.t)
	return w.ContractOf(added.ID, n)
}

// ContractOf returns a contract that has been registered, whose key is [Key](n).
func (w *World) ContractOf(id wire.ContractID, n int) *Contract {
	w.t.Helper()
	return &Contract{Must(w.Clients.GetClientOfContract(w.t.Context(), id))(w.t), Key(n), w}
}

// A Claim adds to the claims of a signed request.
type Claim = func(*wire.RequestClaims)

// Verifier is the PKCE code verifier of every authorization request.
const Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// Authorizing adds the claims of an authorization request.
func Authorizing(q *wire.RequestClaims) {
	q.RedirectURI, q.State = Callback, "a state"
	q.CodeChallenge, q.CodeChallengeMethod = wire.Challenge(Verifier), wire.ChallengeS256
	q.ResponseType, q.ResponseMode = "code", "query"
}

// ReturningTo sets the redirect URI.
func ReturningTo(uri string) Claim { return func(q *wire.RequestClaims) { q.RedirectURI = uri } }

// WithToken adds an access token.
func WithToken(token string) Claim { return func(q *wire.RequestClaims) { q.AccessToken = token } }

// Exchanging adds the claims that exchange a code for tokens.
func Exchanging(code string) Claim {
	return func(q *wire.RequestClaims) {
		q.GrantType, q.Code, q.CodeVerifier = "authorization_code", code, Verifier
	}
}

// Refreshing adds the claims that refresh an access token.
func Refreshing(token string) Claim {
	return func(q *wire.RequestClaims) { q.GrantType, q.RefreshToken = "refresh_token", token }
}

// Signs returns the bearer token of a request, with a fresh nonce and the time of the clock.
func (c *Contract) Signs(claims ...Claim) string {
	c.w.t.Helper()
	all := wire.RequestClaims{
		ClientID:  c.ID().String(),
		Nonce:     wire.NewNonce(),
		Timestamp: wire.MillisOf(c.w.Clock.Now()),
	}
	for _, f := range claims {
		f(&all)
	}
	token := Must(wire.Sign(c.Key, wire.Header{}, all))(c.w.t)
	c.w.Secrets.Plant(token)
	return token
}

// Requests returns a signed request as the domain gets it, after it has been verified.
func (c *Contract) Requests(claims ...Claim) *library.SignedRequest {
	c.w.t.Helper()
	return Must(c.w.Clients.Verify(c.w.t.Context(), c.Signs(claims...)))(c.w.t)
}

// Authorizes adds an authorization request to come back to the contract's first redirect URI. The claims are added to
// those of [Authorizing].
func (c *Contract) Authorizes(claims ...Claim) *library.AuthorizeResult {
	c.w.t.Helper()
	request := c.Requests(append([]Claim{Authorizing, ReturningTo(c.Contract.RedirectURIs[0])}, claims...)...)
	opened := Must(c.w.Consents.Authorize(c.w.t.Context(), request, wire.SessionOptions{}))(c.w.t)
	c.w.Secrets.Plant(opened.Code.Reveal(), opened.Session.Key)
	return opened
}

// SDK returns the contract as an application that imports digime has it. The options are those of its client.
func (c *Contract) SDK(options ...digime.Option) *digime.Contract {
	t := c.w.t
	t.Helper()
	options = append([]digime.Option{digime.WithServer(c.w.URL)}, options...)
	client := Must(digime.New(string(c.Application.ID), options...))(t)
	return Must(client.ParseContract(string(c.Contract.ID), wire.MarshalPrivateKey(c.Key)))(t)
}

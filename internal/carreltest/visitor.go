package carreltest

import (
	"net/url"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/seal"
)

// Visitor is a person who goes through the pages of a served world. They have no library at first: the first pages
// that they go through create one.
type Visitor struct {
	*demo.ScriptedVisitor
	w *World
}

// Visitor returns a new visitor, who chooses De Linde where a provider is wanted.
func (w *World) Visitor() *Visitor {
	v := &Visitor{demo.NewScriptedVisitor("visitor-"+seal.RandomID(10)+"@example.org", seal.RandomID(20)), w}
	v.Provider = "De Linde"
	w.Secrets.Plant(v.Password)
	return v
}

// Visits goes through the pages of an authorization and returns what the callback says.
func (v *Visitor) Visits(auth digime.Authorization) digime.Callback {
	v.w.t.Helper()
	return Must(auth.ParseCallback(v.Opens(auth.URL)))(v.w.t)
}

// Opens goes through the pages from an address to the callback, and returns its query. The callback is [Callback] or
// the one that is given.
func (v *Visitor) Opens(address string, callback ...string) url.Values {
	v.w.t.Helper()
	callback = append(callback, Callback)
	return QueryOf(v.w.t, Must(v.FollowPages(v.w.t.Context(), address, callback[0]))(v.w.t))
}

// Allows allows what a contract asks for, and returns the user as the SDK has them. A token joins the grant to the
// library of that token.
func (v *Visitor) Allows(c *Contract, token ...digime.UserAccessToken) *digime.User {
	v.w.t.Helper()
	o := digime.AuthorizeOptions{RedirectURL: Callback}
	if len(token) > 0 {
		o.Link = token[0]
	}
	user, _ := v.authorize(c, o)
	return user
}

// Connects connects a provider, allows what a contract asks for, and returns the account at the provider. The
// callback is [Callback] or the one that is given.
func (v *Visitor) Connects(c *Contract, callback ...string) (*digime.User, digime.AccountID) {
	v.w.t.Helper()
	callback = append(callback, Callback)
	user, back := v.authorize(c, digime.AuthorizeOptions{
		RedirectURL: callback[0], SourceType: digime.SourcePush, SourcesScope: Measurements,
	})
	accounts := Must(user.ListAccounts(v.w.t.Context()))(v.w.t)
	for _, a := range accounts {
		if a.Reference == back.AccountReference && a.Type == digime.AccountPush {
			return user, a.ID
		}
	}
	v.w.t.Fatalf("no account of a provider has the reference %q: %+v", back.AccountReference, accounts)
	return nil, ""
}

// Measurements are what the practice providers take.
var Measurements = digime.SourcesScope{DataType: []string{"measurements-vital-signs"}}

func (v *Visitor) authorize(c *Contract, o digime.AuthorizeOptions) (*digime.User, digime.Callback) {
	v.w.t.Helper()
	contract := c.SDK()
	auth := Must(contract.Authorize(v.w.t.Context(), o))(v.w.t)
	back := Must(auth.ParseCallback(v.Opens(auth.URL, o.RedirectURL)))(v.w.t)
	user := contract.User(Must(contract.Exchange(v.w.t.Context(), back))(v.w.t))
	v.w.Secrets.Plant(user.Token().AccessToken.Value.Reveal(), user.Token().RefreshToken.Value.Reveal())
	return user, back
}

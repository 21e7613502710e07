package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestAllow tests AuthRequestStore.Allow, an effect at a time. What it does to accounts at providers
// is tested in package deliverytest.
func TestAllow(t *testing.T, open func(t *testing.T) Store) {
	// given is a request that the person is about to allow.
	type given struct {
		*Fixture
		person   Person
		client   library.Client
		request  library.AuthRequest
		session  library.Session
		approval library.Approval
	}
	setUp := func(t *testing.T) *given {
		g := &given{Fixture: NewFixture(t, open)}
		g.person, g.client = g.AnyPerson(), g.AnyClient(library.Read)
		g.request, g.session = g.AnyRequest(g.client)
		g.approval = NewApproval(g.person, g.client, g.request, Later(time.Minute))
		return g
	}
	allow := func(g *given) (library.Grant, library.Account) {
		g.T.Helper()
		grant, account, err := g.Allow(Ctx, g.approval)
		Must(g.T, err)
		return grant, account
	}
	t.Run("marks the request answered", func(t *testing.T) {
		g := setUp(t)
		allow(g)
		Same(t, "answered", Value(g.GetAuthRequest(Ctx, g.request.Hash))(t).AnsweredAt, Later(time.Minute))
	})
	t.Run("adds the grant", func(t *testing.T) {
		g := setUp(t)
		grant, _ := allow(g)
		sameGrant(t, "grant", grant, g.approval.Grant)
		Same(t, "stored grant", Value(g.GetGrant(Ctx, grant.ID))(t), grant)
	})
	t.Run("renews an active grant", func(t *testing.T) {
		g := setUp(t)
		want, _, _ := g.Approve(g.person, g.client)
		want.ExpiresAt = g.approval.Grant.ExpiresAt
		grant, _ := allow(g)
		sameGrant(t, "grant", grant, want)
		Same(t, "grants", Value(g.ListGrants(Ctx, g.person.ID))(t), []library.Grant{grant})
	})
	t.Run("adds the account", func(t *testing.T) {
		g := setUp(t)
		_, account := allow(g)
		Same(t, "account", account, g.approval.Account)
		Same(t, "stored account", Value(g.GetUserAccount(Ctx, g.person.ID, g.client.Application.ID))(t), account)
	})
	t.Run("shows a hidden account", func(t *testing.T) {
		g := setUp(t)
		_, before, _ := g.Approve(g.person, g.client)
		Must(t, g.HideAccount(Ctx, g.person.ID, g.client.Application.ID, Now))
		_, account := allow(g)
		Same(t, "account", account, before.Account)
	})
	t.Run("adds the code, bound to the grant", func(t *testing.T) {
		g := setUp(t)
		grant, _, _ := g.Approve(g.person, g.client)
		allow(g)
		want := g.approval.Code
		want.Grant = grant.ID
		Same(t, "code", Value(g.GetAuthCode(Ctx, want.Hash))(t), want)
	})
	t.Run("gives the session the grant and the seal", func(t *testing.T) {
		g := setUp(t)
		grant, _ := allow(g)
		want := g.session
		want.Grant, want.Seal = grant.ID, g.approval.SessionSeal
		sameSession(t, Value(g.GetSession(Ctx, want.Hash))(t), want)
	})
	t.Run("needs no session", func(t *testing.T) {
		g := setUp(t)
		g.request = library.AuthRequest{Hash: AnyHash(), ClientID: g.client.ID()}
		Must(t, g.AddAuthRequest(Ctx, g.request, library.Session{}))
		g.approval.Request = g.request.Hash
		allow(g)
	})
	t.Run("adds the event with the grant", func(t *testing.T) {
		g := setUp(t)
		grant, _ := allow(g)
		want := g.approval.Event
		want.Details.Grant = grant.ID
		e := g.NewestEvent(g.person.ID)
		Same(t, "kind", e.Kind, library.EventAllowed)
		Same(t, "details", e.Details, want.Details)
	})
	t.Run("says in the event that a grant was renewed", func(t *testing.T) {
		g := setUp(t)
		grant, _, _ := g.Approve(g.person, g.client)
		allow(g)
		e := g.NewestEvent(g.person.ID)
		Same(t, "kind", e.Kind, library.EventRenewed)
		Same(t, "grant", e.Details.Grant, grant.ID)
	})
	t.Run("changes nothing if it is refused", func(t *testing.T) {
		g := setUp(t)
		g.approval.Connection = "another account"
		_, _, err := g.Allow(Ctx, g.approval)
		WantErr(t, "with another account at a provider", err, library.ErrConnectionChanged)
		Same(t, "request", Value(g.GetAuthRequest(Ctx, g.request.Hash))(t), g.request)
		Same(t, "grants", len(Value(g.ListGrants(Ctx, g.person.ID))(t)), 0)
		_, err = g.GetUserAccount(Ctx, g.person.ID, g.client.Application.ID)
		WantErr(t, "account", err, library.ErrNotFound)
		_, err = g.GetAuthCode(Ctx, g.approval.Code.Hash)
		WantErr(t, "code", err, library.ErrNotFound)
		sameSession(t, Value(g.GetSession(Ctx, g.session.Hash))(t), g.session)
		Same(t, "number of events", len(g.Events(g.person.ID)), 1)
	})
}

package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestClients tests a library.ClientStore.
func TestClients(t *testing.T, open func(t *testing.T) Store) {
	t.Run("keeps what it is given", func(t *testing.T) {
		f := NewFixture(t, open)
		c := f.AnyClient(library.Read)
		got := Value(f.GetClient(Ctx, c.ID()))(t)
		Same(t, "client", got, c)
		got = Value(f.GetClientOfContract(Ctx, c.Contract.ID))(t)
		Same(t, "contract", got, c)
	})
	t.Run("keeps what is empty", func(t *testing.T) {
		f := NewFixture(t, open)
		a := library.Application{ID: "a"}
		k := library.Contract{ID: "k", Application: "a", Access: library.Write}
		Must(t, f.AddApplication(Ctx, a))
		Must(t, f.AddContract(Ctx, k))
		got := Value(f.GetClientOfContract(Ctx, "k"))(t)
		Same(t, "client", got, library.Client{Application: a, Contract: k})
	})
	t.Run("keeps times to the millisecond in UTC", func(t *testing.T) {
		f := NewFixture(t, open)
		at := time.Date(2026, 11, 24, 9, 0, 0, 123_999_999, time.FixedZone("", 3600))
		Must(t, f.AddApplication(Ctx, library.Application{ID: "a", CreatedAt: at}))
		got := Value(f.ListApplications(Ctx))(t)
		Same(t, "created", got[0].CreatedAt, time.Date(2026, 11, 24, 8, 0, 0, 123_000_000, time.UTC))
	})
	t.Run("keeps free text that is no text", func(t *testing.T) {
		f := NewFixture(t, open)
		Must(t, f.AddApplication(Ctx, library.Application{ID: "a", Name: "nul \x00, no UTF-8 \xff, ' \" ; -- $1"}))
	})
	t.Run("refuses ids that are there", func(t *testing.T) {
		f := NewFixture(t, open)
		c, other := f.AnyClient(library.Read), f.AnyApplication()
		WantErr(t, "application", f.AddApplication(Ctx, c.Application), library.ErrExists)
		WantErr(t, "contract", f.AddContract(Ctx, c.Contract), library.ErrExists)
		k := c.Contract
		k.Application = other.ID
		WantErr(t, "contract of another application", f.AddContract(Ctx, k), library.ErrExists)
		Same(t, "client", Value(f.GetClientOfContract(Ctx, k.ID))(t), c)
	})
	t.Run("refuses a contract of no application", func(t *testing.T) {
		f := NewFixture(t, open)
		WantErr(t, "contract", f.AddContract(Ctx, library.Contract{ID: "k", Application: "none"}), library.ErrNotFound)
	})
	t.Run("finds no contract of another application", func(t *testing.T) {
		f := NewFixture(t, open)
		one, two := f.AnyClient(library.Read), f.AnyClient(library.Read)
		for _, id := range []wire.ClientID{
			{Application: one.Application.ID, Contract: two.Contract.ID},
			{Application: one.Application.ID, Contract: "none"},
			{Application: "none", Contract: one.Contract.ID},
			{Application: "%", Contract: "%"},
			{Application: "\x00\xff", Contract: "\x00\xff"},
		} {
			_, err := f.GetClient(Ctx, id)
			WantErr(t, "client "+id.String(), err, library.ErrNotFound)
		}
		_, err := f.GetClientOfContract(Ctx, "none")
		WantErr(t, "contract", err, library.ErrNotFound)
	})
	t.Run("lists in order of creation, then id", func(t *testing.T) {
		f := NewFixture(t, open)
		for _, a := range []library.Application{
			{ID: "b", CreatedAt: Now}, {ID: "a", CreatedAt: Now}, {ID: "B", CreatedAt: Now}, {ID: "z",
				CreatedAt: Later(-time.Second)},
		} {
			Must(t, f.AddApplication(Ctx, a))
			Must(t, f.AddContract(Ctx, library.Contract{ID: wire.ContractID("k" + a.ID), Application: a.ID,
				CreatedAt: a.CreatedAt}))
		}
		var ids []wire.ApplicationID
		for _, a := range Value(f.ListApplications(Ctx))(t) {
			ids = append(ids, a.ID)
		}
		Same(t, "applications", ids, []wire.ApplicationID{"z", "B", "a", "b"})
		var contracts []wire.ContractID
		for _, k := range Value(f.ListContracts(Ctx, ""))(t) {
			contracts = append(contracts, k.ID)
		}
		Same(t, "contracts", contracts, []wire.ContractID{"kz", "kB", "ka", "kb"})
		Same(t, "contracts of b", len(Value(f.ListContracts(Ctx, "b"))(t)), 1)
		Same(t, "contracts of none", len(Value(f.ListContracts(Ctx, "none"))(t)), 0)
	})
	t.Run("disables once", func(t *testing.T) {
		f := NewFixture(t, open)
		c := f.AnyClient(library.Read)
		for _, at := range []time.Time{Now, Later(time.Hour)} {
			Must(t, f.DisableApplication(Ctx, c.Application.ID, at))
			Must(t, f.DisableContract(Ctx, c.Contract.ID, at))
		}
		got := Value(f.GetClient(Ctx, c.ID()))(t)
		Same(t, "application disabled", got.Application.DisabledAt, Now)
		Same(t, "contract disabled", got.Contract.DisabledAt, Now)
		WantErr(t, "unknown application", f.DisableApplication(Ctx, "none", Now), library.ErrNotFound)
		WantErr(t, "unknown contract", f.DisableContract(Ctx, "none", Now), library.ErrNotFound)
	})
	t.Run("enables again", func(t *testing.T) {
		f := NewFixture(t, open)
		c := f.AnyClient(library.Read)
		Must(t, f.DisableApplication(Ctx, c.Application.ID, Now))
		Must(t, f.DisableContract(Ctx, c.Contract.ID, Now))
		for range 2 { // what is enabled stays so
			Must(t, f.EnableApplication(Ctx, c.Application.ID))
		}
		got := Value(f.GetClient(Ctx, c.ID()))(t)
		Same(t, "application disabled", got.Application.DisabledAt, time.Time{})
		Same(t, "contract disabled", got.Contract.DisabledAt, Now)
		Must(t, f.EnableContract(Ctx, c.Contract.ID))
		Same(t, "contract disabled", Value(f.GetClient(Ctx, c.ID()))(t).Contract.DisabledAt, time.Time{})
		WantErr(t, "unknown application", f.EnableApplication(Ctx, "none"), library.ErrNotFound)
		WantErr(t, "unknown contract", f.EnableContract(Ctx, "none"), library.ErrNotFound)
	})
}

// TestClientUpdates tests how a library.ClientStore changes applications and contracts.
func TestClientUpdates(t *testing.T, open func(t *testing.T) Store) {
	t.Run("changes an application", func(t *testing.T) {
		f := NewFixture(t, open)
		was := f.AnyApplication()
		want := was
		want.Name, want.About, want.Checked = "Another \x00 name", "", false
		Must(t, f.UpdateApplication(Ctx, was, want))
		want.Name = "Another \uFFFD name"
		Same(t, "application", Value(f.GetApplication(Ctx, was.ID))(t), want)
		WantErr(t, "from before", f.UpdateApplication(Ctx, was, was), library.ErrChanged)
		WantErr(t, "unknown", f.UpdateApplication(Ctx, library.Application{ID: "none"}, was), library.ErrNotFound)
		_, err := f.GetApplication(Ctx, "none")
		WantErr(t, "unknown", err, library.ErrNotFound)
		Same(t, "application after refusals", Value(f.GetApplication(Ctx, was.ID))(t), want)
	})
	t.Run("changes a contract", func(t *testing.T) {
		f := NewFixture(t, open)
		client, other := f.AnyClient(library.Read), f.AnyClient(library.Read)
		was := client.Contract
		want := was
		want.Access, want.Scope, want.DeletesLibrary = library.Write, library.Scope{}, true
		want.PublicKey, want.OldPublicKey, want.OldKeyExpiresAt = "new", was.PublicKey, Later(time.Hour)
		want.RedirectURIs, want.Purpose, want.Terms, want.Privacy = []string{"https://b.example/b"}, "p", "t", "y"
		want.GrantFor, want.ExpiresAt = time.Hour, Later(2*time.Hour)
		Must(t, f.UpdateContract(Ctx, was, want))
		Same(t, "contract", Value(f.GetClient(Ctx, client.ID()))(t).Contract, want)
		WantErr(t, "from before", f.UpdateContract(Ctx, was, was), library.ErrChanged)
		WantErr(t, "unknown", f.UpdateContract(Ctx, library.Contract{ID: "none"}, was), library.ErrNotFound)
		Same(t, "contract after refusals", Value(f.GetClient(Ctx, client.ID()))(t).Contract, want)
		Same(t, "another", Value(f.GetClient(Ctx, other.ID()))(t), other)
	})
	t.Run("changes for one of many at once", func(t *testing.T) {
		f := NewFixture(t, open)
		was := f.AnyClient(library.Write).Contract
		OneWins(t, "change", Race(10, func(i int) error {
			k := was
			k.Purpose = AnyID()
			return f.UpdateContract(Ctx, was, k)
		}), library.ErrChanged)
	})
	t.Run("counts the grants that cover a contract", func(t *testing.T) {
		f := NewFixture(t, open)
		c, p := f.AnyClient(library.Write), f.AnyPerson()
		f.Approve(p, c)
		f.Approve(p, f.AnyClient(library.Write))
		revoked, _, _ := f.Approve(f.AnyPerson(), c)
		Same(t, "two in force", Value(f.CountGrants(Ctx, c.Contract, Now))(t), 2)
		Must(t, f.RevokeGrant(Ctx, revoked.Library, revoked.ID, Now, AnyEvent(revoked.Library)))
		Same(t, "in force", Value(f.CountGrants(Ctx, c.Contract, Now))(t), 1)
		Same(t, "expired", Value(f.CountGrants(Ctx, c.Contract, Later(100*365*24*time.Hour)))(t), 0)
		c.Contract.DeletesLibrary = true
		Same(t, "for something else", Value(f.CountGrants(Ctx, c.Contract, Now))(t), 0)
	})
}

// TestNonces tests a library.NonceStore.
func TestNonces(t *testing.T, open func(t *testing.T) Store) {
	t.Run("takes a nonce once for each client", func(t *testing.T) {
		f := NewFixture(t, open)
		n := library.Nonce{Client: wire.ClientID{Application: "a", Contract: "k"}, Value: wire.NewNonce(),
			At: Now, KeepFor: time.Minute}
		Must(t, f.UseNonce(Ctx, n))
		WantErr(t, "the same again", f.UseNonce(Ctx, n), library.ErrReplayed)
		other := n
		other.Client.Contract = "l"
		Must(t, f.UseNonce(Ctx, other))
		n.At, n.KeepFor = Later(time.Hour), time.Hour
		WantErr(t, "the same with another time", f.UseNonce(Ctx, n), library.ErrReplayed)
	})
	t.Run("takes a nonce once more for a call that failed", func(t *testing.T) {
		f := NewFixture(t, open)
		n := library.Nonce{Client: wire.ClientID{Application: "a", Contract: "k"}, Value: wire.NewNonce(),
			At: Now, KeepFor: time.Minute, Call: []byte("a call")}
		Must(t, f.AllowRetry(Ctx, n, time.Minute)) // that was not used
		Must(t, f.UseNonce(Ctx, n))
		WantErr(t, "without leave", f.UseNonce(Ctx, n), library.ErrReplayed)
		Must(t, f.AllowRetry(Ctx, n, time.Minute))
		other, none := n, n
		other.Call, none.Call = []byte("another call"), nil
		WantErr(t, "another call", f.UseNonce(Ctx, other), library.ErrReplayed)
		WantErr(t, "no call", f.UseNonce(Ctx, none), library.ErrReplayed)
		OneWins(t, "the same call", Race(20, func(int) error { return f.UseNonce(Ctx, n) }), library.ErrReplayed)
		Must(t, f.AllowRetry(Ctx, n, -time.Minute))
		WantErr(t, "too late", f.UseNonce(Ctx, n), library.ErrReplayed)
		Must(t, f.AllowRetry(Ctx, none, time.Minute))
		WantErr(t, "a call that may not be repeated", f.UseNonce(Ctx, none), library.ErrReplayed)
	})
	t.Run("takes one of many at once", func(t *testing.T) {
		f := NewFixture(t, open)
		n := library.Nonce{Client: wire.ClientID{Application: "a", Contract: "k"}, Value: wire.NewNonce(),
			At: Now, KeepFor: time.Minute}
		OneWins(t, "nonce", Race(50, func(int) error { return f.UseNonce(Ctx, n) }), library.ErrReplayed)
	})
}

// TestSigningKeys tests a library.SigningKeyStore.
func TestSigningKeys(t *testing.T, open func(t *testing.T) Store) {
	key := func(id string) library.SigningKey {
		return library.SigningKey{ID: id, PublicKey: "PEM", Private: []byte("\x00\xffsealed"), CreatedAt: Now}
	}
	t.Run("adds the first alone", func(t *testing.T) {
		f := NewFixture(t, open)
		Same(t, "keys at first", len(Value(f.ListSigningKeys(Ctx))(t)), 0)
		Same(t, "keys after one", Value(f.AddFirstSigningKey(Ctx, key("one")))(t), []library.SigningKey{key("one")})
		Same(t, "keys after two", Value(f.AddFirstSigningKey(Ctx, key("two")))(t), []library.SigningKey{key("one")})
		Same(t, "keys", Value(f.ListSigningKeys(Ctx))(t), []library.SigningKey{key("one")})
	})
	t.Run("adds one of many at once", func(t *testing.T) {
		f := NewFixture(t, open)
		got := make([][]library.SigningKey, 20)
		for _, err := range Race(len(got), func(i int) (err error) {
			got[i], err = f.AddFirstSigningKey(Ctx, key(AnyID()))
			return err
		}) {
			Must(t, err)
		}
		for _, keys := range got {
			Same(t, "keys", keys, got[0])
		}
		Same(t, "number of keys", len(got[0]), 1)
	})
}

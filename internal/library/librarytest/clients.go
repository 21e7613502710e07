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
		f := fresh(t, open)
		c := f.client(library.Read)
		got := value(f.GetClient(ctx, c.ID()))(t)
		same(t, "client", got, c)
		got = value(f.GetContract(ctx, c.Contract.ID))(t)
		same(t, "contract", got, c)
	})
	t.Run("keeps what is empty", func(t *testing.T) {
		f := fresh(t, open)
		a := library.Application{ID: "a"}
		k := library.Contract{ID: "k", Application: "a", Access: library.Write}
		must(t, f.AddApplication(ctx, a))
		must(t, f.AddContract(ctx, k))
		got := value(f.GetContract(ctx, "k"))(t)
		same(t, "client", got, library.Client{Application: a, Contract: k})
	})
	t.Run("keeps times to the millisecond in UTC", func(t *testing.T) {
		f := fresh(t, open)
		at := time.Date(2026, 11, 24, 9, 0, 0, 123_999_999, time.FixedZone("", 3600))
		must(t, f.AddApplication(ctx, library.Application{ID: "a", CreatedAt: at}))
		got := value(f.ListApplications(ctx))(t)
		same(t, "created", got[0].CreatedAt, time.Date(2026, 11, 24, 8, 0, 0, 123_000_000, time.UTC))
	})
	t.Run("keeps free text that is no text", func(t *testing.T) {
		f := fresh(t, open)
		must(t, f.AddApplication(ctx, library.Application{ID: "a", Name: "nul \x00, no UTF-8 \xff, ' \" ; -- $1"}))
	})
	t.Run("refuses ids that are there", func(t *testing.T) {
		f := fresh(t, open)
		c, other := f.client(library.Read), f.application()
		wantErr(t, "application", f.AddApplication(ctx, c.Application), library.ErrExists)
		wantErr(t, "contract", f.AddContract(ctx, c.Contract), library.ErrExists)
		k := c.Contract
		k.Application = other.ID
		wantErr(t, "contract of another application", f.AddContract(ctx, k), library.ErrExists)
		same(t, "client", value(f.GetContract(ctx, k.ID))(t), c)
	})
	t.Run("refuses a contract of no application", func(t *testing.T) {
		f := fresh(t, open)
		wantErr(t, "contract", f.AddContract(ctx, library.Contract{ID: "k", Application: "none"}), library.ErrNotFound)
	})
	t.Run("finds no contract of another application", func(t *testing.T) {
		f := fresh(t, open)
		one, two := f.client(library.Read), f.client(library.Read)
		for _, id := range []wire.ClientID{
			{Application: one.Application.ID, Contract: two.Contract.ID},
			{Application: one.Application.ID, Contract: "none"},
			{Application: "none", Contract: one.Contract.ID},
			{Application: "%", Contract: "%"},
			{Application: "\x00\xff", Contract: "\x00\xff"},
		} {
			_, err := f.GetClient(ctx, id)
			wantErr(t, "client "+id.String(), err, library.ErrNotFound)
		}
		_, err := f.GetContract(ctx, "none")
		wantErr(t, "contract", err, library.ErrNotFound)
	})
	t.Run("lists in order of creation, then id", func(t *testing.T) {
		f := fresh(t, open)
		for _, a := range []library.Application{
			{ID: "b", CreatedAt: now}, {ID: "a", CreatedAt: now}, {ID: "B", CreatedAt: now}, {ID: "z", CreatedAt: later(-time.Second)},
		} {
			must(t, f.AddApplication(ctx, a))
			must(t, f.AddContract(ctx, library.Contract{ID: wire.ContractID("k" + a.ID), Application: a.ID, CreatedAt: a.CreatedAt}))
		}
		var ids []wire.ApplicationID
		for _, a := range value(f.ListApplications(ctx))(t) {
			ids = append(ids, a.ID)
		}
		same(t, "applications", ids, []wire.ApplicationID{"z", "B", "a", "b"})
		var contracts []wire.ContractID
		for _, k := range value(f.ListContracts(ctx, ""))(t) {
			contracts = append(contracts, k.ID)
		}
		same(t, "contracts", contracts, []wire.ContractID{"kz", "kB", "ka", "kb"})
		same(t, "contracts of b", len(value(f.ListContracts(ctx, "b"))(t)), 1)
		same(t, "contracts of none", len(value(f.ListContracts(ctx, "none"))(t)), 0)
	})
	t.Run("disables once", func(t *testing.T) {
		f := fresh(t, open)
		c := f.client(library.Read)
		for _, at := range []time.Time{now, later(time.Hour)} {
			must(t, f.DisableApplication(ctx, c.Application.ID, at))
			must(t, f.DisableContract(ctx, c.Contract.ID, at))
		}
		got := value(f.GetClient(ctx, c.ID()))(t)
		same(t, "application disabled", got.Application.DisabledAt, now)
		same(t, "contract disabled", got.Contract.DisabledAt, now)
		wantErr(t, "unknown application", f.DisableApplication(ctx, "none", now), library.ErrNotFound)
		wantErr(t, "unknown contract", f.DisableContract(ctx, "none", now), library.ErrNotFound)
	})
}

// TestNonces tests a library.NonceStore.
func TestNonces(t *testing.T, open func(t *testing.T) Store) {
	t.Run("takes a nonce once for each client", func(t *testing.T) {
		f := fresh(t, open)
		n := library.Nonce{Client: wire.ClientID{Application: "a", Contract: "k"}, Value: wire.NewNonce(), ForgetAt: now}
		must(t, f.UseNonce(ctx, n))
		wantErr(t, "the same again", f.UseNonce(ctx, n), library.ErrReplayed)
		other := n
		other.Client.Contract = "l"
		must(t, f.UseNonce(ctx, other))
		n.ForgetAt = later(time.Hour)
		wantErr(t, "the same with another time", f.UseNonce(ctx, n), library.ErrReplayed)
	})
	t.Run("takes one of many at once", func(t *testing.T) {
		f := fresh(t, open)
		n := library.Nonce{Client: wire.ClientID{Application: "a", Contract: "k"}, Value: wire.NewNonce(), ForgetAt: now}
		oneWins(t, "nonce", race(50, func(int) error { return f.UseNonce(ctx, n) }), library.ErrReplayed)
	})
}

// TestSigningKeys tests a library.SigningKeyStore.
func TestSigningKeys(t *testing.T, open func(t *testing.T) Store) {
	key := func(id string) library.SigningKey {
		return library.SigningKey{ID: id, PublicKey: "PEM", Private: []byte("\x00\xffsealed"), CreatedAt: now}
	}
	t.Run("adds the first alone", func(t *testing.T) {
		f := fresh(t, open)
		same(t, "keys at first", len(value(f.ListSigningKeys(ctx))(t)), 0)
		same(t, "keys after one", value(f.AddFirstSigningKey(ctx, key("one")))(t), []library.SigningKey{key("one")})
		same(t, "keys after two", value(f.AddFirstSigningKey(ctx, key("two")))(t), []library.SigningKey{key("one")})
		same(t, "keys", value(f.ListSigningKeys(ctx))(t), []library.SigningKey{key("one")})
	})
	t.Run("adds one of many at once", func(t *testing.T) {
		f := fresh(t, open)
		got := make([][]library.SigningKey, 20)
		for _, err := range race(len(got), func(i int) (err error) {
			got[i], err = f.AddFirstSigningKey(ctx, key(anyID()))
			return err
		}) {
			must(t, err)
		}
		for _, keys := range got {
			same(t, "keys", keys, got[0])
		}
		same(t, "number of keys", len(got[0]), 1)
	})
}

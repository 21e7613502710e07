package library_test

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
)

// TestSigner: the key is made once, is kept shut by the keyring, and verifies what it
// signed.
func TestSigner(t *testing.T) {
	t.Parallel()
	db := must(store.Open(t.Context(), storetest.SQLite(t)))(t)
	t.Cleanup(func() { _ = db.Close() })
	ring := must(seal.ParseKeyring(seal.NewKeyringText()))(t)
	signers := make([]*library.Signer, 3)
	var wg sync.WaitGroup
	for i := range signers { // nodes that start at once
		wg.Go(func() {
			var err error
			signers[i], err = library.OpenSigner(t.Context(), db, ring, time.Now, library.DrawSigningKey)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	keys := signers[0].KeySet().Keys
	if len(keys) != 1 {
		t.Fatalf("%d keys", len(keys))
	}
	for i, s := range signers {
		signed := must(s.Sign("https://carrel.example/jwks", wire.TokenClaims{Subject: "a name"}))(t)
		token := must(wire.ParseToken(signed))(t)
		if err := token.Verify(must(wire.ParsePublicKey([]byte(keys[0].PEM)))(t)); err != nil ||
			token.Header.KeyID != keys[0].KeyID {
			t.Errorf("node %d signs with key %q: %v", i, token.Header.KeyID, err)
		}
	}
	kept := must(db.ListSigningKeys(t.Context()))(t)
	if bytes.Contains(kept[0].Private, []byte("PRIVATE KEY")) {
		t.Error("the private key is kept in the clear")
	}
	other := must(seal.ParseKeyring(seal.NewKeyringText()))(t)
	_, err := library.OpenSigner(t.Context(), db, other, time.Now, library.DrawSigningKey)
	if !errors.Is(err, seal.ErrCannotOpen) ||
		!strings.Contains(err.Error(), "the master keyring is not the one that this database was made with") {
		t.Errorf("another keyring: %v", err)
	}
	if n := len(must(db.ListSigningKeys(t.Context()))(t)); n != 1 {
		t.Errorf("%d keys are kept: a wrong keyring has made one", n)
	}
}

// TestSignerDrawsOnce: the first key is the one that was drawn for it, and later starts draw none.
func TestSignerDrawsOnce(t *testing.T) {
	t.Parallel()
	db := must(store.Open(t.Context(), storetest.SQLite(t)))(t)
	t.Cleanup(func() { _ = db.Close() })
	ring := must(seal.ParseKeyring(seal.NewKeyringText()))(t)
	key := must(library.DrawSigningKey())(t)
	draws := 0
	for range 2 {
		s := must(library.OpenSigner(t.Context(), db, ring, time.Now, func() (*rsa.PrivateKey, error) {
			draws++
			return key, nil
		}))(t)
		if got := s.KeySet().Keys[0].PEM; got != string(wire.MarshalPublicKey(&key.PublicKey)) {
			t.Errorf("the key is another one: %s", got)
		}
	}
	if draws != 1 {
		t.Errorf("%d keys were drawn", draws)
	}
	broken := errors.New("no entropy")
	empty := must(store.Open(t.Context(), storetest.SQLite(t)))(t)
	t.Cleanup(func() { _ = empty.Close() })
	_, err := library.OpenSigner(t.Context(), empty, ring, time.Now,
		func() (*rsa.PrivateKey, error) { return nil, broken })
	if !errors.Is(err, broken) || len(must(empty.ListSigningKeys(t.Context()))(t)) != 0 {
		t.Errorf("a key that could not be drawn: %v", err)
	}
}

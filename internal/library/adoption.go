package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// BoundKind says whose binding it is.
type BoundKind string

// The kinds of rows that have a binding.
const (
	BoundLibrary  BoundKind = "library"
	BoundToken    BoundKind = "token"
	BoundAuthCode BoundKind = "authorization code"
)

// Unbound is a row without a binding. A program made it that knew no bindings.
type Unbound struct {
	Kind BoundKind
	// Secret is the hash of the token or code.
	Secret  seal.Hash
	Library ID
	// PublicKey is the library's public key as it is stored.
	PublicKey []byte
	// Binding is what the row is to get.
	Binding []byte
}

// Adoption records that the rows of an older program have got their bindings.
type Adoption struct {
	At  time.Time
	MAC []byte
}

// AdoptionStore gives the rows of an older program their bindings.
type AdoptionStore interface {
	// GetAdoption returns ErrNotFound if there was none.
	GetAdoption(ctx context.Context) (Adoption, error)
	// AddAdoption records the first adoption. A second one changes nothing.
	AddAdoption(ctx context.Context, a Adoption) error
	// ListUnbound lists up to limit rows of a kind without a binding, those after the given one in
	// the order of the store. The zero value is before all.
	ListUnbound(ctx context.Context, kind BoundKind, after Unbound, limit int) ([]Unbound, error)
	// Bind gives rows their bindings. Rows that are gone are no error.
	Bind(ctx context.Context, rows []Unbound) error
}

// adoptionBatch is how many rows one transaction binds.
const adoptionBatch = 500

// ErrAdoptionForged says that the record of the adoption was not made with the keyring.
var ErrAdoptionForged = errors.New("the record of the adoption was not made with this server's master keyring")

// Adopt binds under the keyring what an older program has stored: its libraries, and the tokens
// and codes that it gave out. It does so once: later a row without a binding is one whose
// binding somebody has removed. It returns ErrAdoptionForged.
func (i *Integrity) Adopt(ctx context.Context, store AdoptionStore) error {
	done, err := i.isAdopted(ctx, store)
	if err != nil || done {
		return err
	}
	for _, kind := range []BoundKind{BoundLibrary, BoundToken, BoundAuthCode} {
		if err := i.adopt(ctx, store, kind); err != nil {
			return fmt.Errorf("bind what an older program has stored: %w", err)
		}
	}
	now := i.now()
	if err := store.AddAdoption(ctx, Adoption{At: now, MAC: i.ring.MAC(purposeAdoption, millis(now))}); err != nil {
		return fmt.Errorf("record the adoption: %w", err)
	}
	return nil
}

// bindRow returns the binding of a row under the keyring.
func (i *Integrity) bindRow(row Unbound) []byte { return i.ring.MAC(row.purpose(), row.parts()...) }

func (u Unbound) purpose() string {
	if u.Kind == BoundLibrary {
		return purposeLibraryBinding
	}
	return purposeAdopted
}

func (u Unbound) parts() [][]byte {
	if u.Kind == BoundLibrary {
		return [][]byte{[]byte(u.Library), u.PublicKey}
	}
	return [][]byte{u.Secret[:], []byte(u.Library), u.PublicKey}
}

func (i *Integrity) isAdopted(ctx context.Context, store AdoptionStore) (bool, error) {
	a, err := store.GetAdoption(ctx)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get adoption: %w", err)
	}
	if !i.ring.VerifyMAC(a.MAC, purposeAdoption, millis(a.At)) {
		return false, ErrAdoptionForged
	}
	return true, nil
}

func (i *Integrity) adopt(ctx context.Context, store AdoptionStore, kind BoundKind) error {
	after := Unbound{Kind: kind}
	for {
		rows, err := store.ListUnbound(ctx, kind, after, adoptionBatch)
		if err != nil {
			return err
		}
		for n, row := range rows {
			rows[n].Binding = i.bindRow(row)
		}
		if err := store.Bind(ctx, rows); err != nil {
			return err
		}
		if len(rows) < adoptionBatch {
			return nil
		}
		after = rows[len(rows)-1]
	}
}

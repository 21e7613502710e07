package library

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// BoundKind says whose binding it is.
type BoundKind string

// The kinds of rows that have a binding under the master keyring.
const (
	BoundLibrary  BoundKind = "library"
	BoundToken    BoundKind = "token"
	BoundAuthCode BoundKind = "authorization code"
	BoundChain    BoundKind = "end of activity"
	BoundGrant    BoundKind = "grant"
	// BoundCollected is a file that was fetched from a source.
	BoundCollected BoundKind = "file from a source"
	// Package storage says what is bound of these two.
	BoundStorage     BoundKind = "storage"
	BoundStorageFile BoundKind = "file of a storage"
	// These two are never adopted: the person signs in again, and the application asks again.
	BoundLogin   BoundKind = "login"
	BoundRequest BoundKind = "authorization request"
)

// Unbound is a row without a binding. A program made it that knew no bindings.
type Unbound struct {
	Kind BoundKind
	// Secret is the hash of the token, the code, or the cookie of the login.
	Secret  seal.Hash
	Library ID
	// PublicKey is the library's public key as it is stored.
	PublicKey []byte
	// End is that of a chain of events.
	End ChainEnd
	// Grant is a grant with what it covers.
	Grant Grant
	// Request is an authorization request.
	Request AuthRequest
	// ID is the id of a file from a source, of a storage, or of a file of one, and Parts are the parts of its binding.
	ID    string
	Parts [][]byte
	// Previous is the binding that the row of such a kind has; empty if it has none.
	Previous []byte
	// Own is the part of the binding of a token or code that only its secret yields; nil for one of
	// before bindings.
	Own []byte
	// Binding is what the row is to get.
	Binding []byte
}

// AdoptionGeneration counts what the programs have learned to bind. What an older program has
// stored is adopted once for each generation.
type AdoptionGeneration int

// The generations.
const (
	// AdoptedSecrets is the first: libraries, tokens and authorization codes have bindings.
	AdoptedSecrets AdoptionGeneration = 1
	// AdoptedChains is the second: so have the ends of activities, and grants; each secret is bound
	// under the keyring as well; and what the keyring seals for providers holds its owner.
	AdoptedChains AdoptionGeneration = 2
	// AdoptedStorages is the third: so have storages and their files, and the files from sources whose binding was
	// made with a key that is gone.
	AdoptedStorages AdoptionGeneration = 3
	// NewestAdoption is the newest.
	NewestAdoption = AdoptedStorages
)

// kinds lists what is bound from a generation on.
func (g AdoptionGeneration) kinds() []BoundKind {
	switch g {
	case AdoptedSecrets:
		return []BoundKind{BoundLibrary, BoundToken, BoundAuthCode}
	case AdoptedChains:
		return []BoundKind{BoundChain, BoundGrant, BoundToken, BoundAuthCode}
	default:
		return []BoundKind{BoundCollected, BoundStorage, BoundStorageFile}
	}
}

// Adoption records that the rows of an older program have got their bindings.
type Adoption struct {
	Generation AdoptionGeneration
	At         time.Time
	MAC        []byte
}

// parts are the parts of the MAC. Those of the first generation do not name it: there was no other.
func (a Adoption) parts() [][]byte {
	if a.Generation == AdoptedSecrets {
		return [][]byte{millis(a.At)}
	}
	return [][]byte{millis(a.At), {byte(a.Generation)}}
}

// AdoptionStore gives the rows of an older program their bindings.
type AdoptionStore interface {
	// GetAdoption returns ErrNotFound if there was none of the generation.
	GetAdoption(ctx context.Context, g AdoptionGeneration) (Adoption, error)
	// AddAdoption records the first adoption of a generation. A second one changes nothing.
	AddAdoption(ctx context.Context, a Adoption) error
	// ListUnbound lists up to limit rows of a kind without a binding, those after the given one in
	// the order of the store. The zero value is before all. A grant that does not say what it covers
	// covers what its contract allows. Files from sources are listed with a binding, too, and all without Parts.
	ListUnbound(ctx context.Context, kind BoundKind, after Unbound, limit int) ([]Unbound, error)
	// GetCollectedParts returns the parts of the binding of a file from a source, for which it reads the content. It
	// returns ErrNotFound if the file is gone.
	GetCollectedParts(ctx context.Context, id wire.FileName) ([][]byte, error)
	// Bind gives rows their bindings: those that have none, and those whose binding is still the one
	// that ListOfOlderKey has returned. Rows that are gone or have changed are no error.
	Bind(ctx context.Context, rows []Unbound) error
}

// adoptionBatch is how many rows one transaction binds.
const adoptionBatch = 500

// ErrAdoptionForged says that the record of the adoption was not made with the keyring.
var ErrAdoptionForged = errors.New("the record of the adoption was not made with this server's master keyring")

// ErrAdoptionGone says that the database does not know of an adoption that the keyring knows of.
var ErrAdoptionGone = errors.New("the record of an adoption is gone")

// Adopt binds under the keyring what an older program has stored: what the generations name. It does so once for each
// generation: later a row without a binding is one whose binding somebody has removed. What other packages adopt
// belongs to a generation as well; adopting it again would accept what somebody has changed since. Adopt returns
// ErrAdoptionForged, or ErrAdoptionGone if the keyring says that the generation was adopted.
func (i *Integrity) Adopt(
	ctx context.Context, store AdoptionStore, others map[AdoptionGeneration]func(context.Context) error,
) error {
	for g := AdoptedSecrets; g <= NewestAdoption; g++ {
		if err := i.adoptGeneration(ctx, store, g, others[g]); err != nil {
			return err
		}
	}
	return nil
}

func (i *Integrity) adoptGeneration(
	ctx context.Context, store AdoptionStore, g AdoptionGeneration, more func(context.Context) error,
) error {
	done, err := i.hasAdopted(ctx, store, g)
	if err != nil || done {
		return err
	}
	if int(g) <= i.ring.Adopted() {
		return ErrAdoptionGone
	}
	for _, kind := range g.kinds() {
		if err := i.adopt(ctx, store, kind); err != nil {
			return fmt.Errorf("bind what an older program has stored: %w", err)
		}
	}
	if more != nil {
		if err := more(ctx); err != nil {
			return err
		}
	}
	a := Adoption{Generation: g, At: i.now()}
	a.MAC = i.ring.MAC(purposeAdoption, a.parts()...)
	if err := store.AddAdoption(ctx, a); err != nil {
		return fmt.Errorf("record the adoption: %w", err)
	}
	return nil
}

// bindRow returns the binding of a row under the keyring.
func (i *Integrity) bindRow(row Unbound) []byte { return i.ring.MAC(row.purpose(), row.parts()...) }

func (u Unbound) purpose() string {
	switch u.Kind {
	case BoundLibrary:
		return purposeLibraryBinding
	case BoundChain:
		return purposeChainEnd
	case BoundGrant:
		return purposeGrant
	case BoundLogin:
		return purposeLogin
	case BoundRequest:
		return purposeRequest
	case BoundCollected:
		return purposeCollected
	case BoundStorage:
		return purposeStorage
	case BoundStorageFile:
		return purposeStorageFile
	default:
		return purposeAdopted
	}
}

func (u Unbound) parts() [][]byte {
	switch u.Kind {
	case BoundLibrary:
		return [][]byte{[]byte(u.Library), u.PublicKey}
	case BoundChain:
		return chainParts(u.Library, u.End.Seq, u.End.Hash)
	case BoundGrant:
		return u.Grant.parts()
	case BoundRequest:
		return serverRequestParts(u.Request)
	case BoundCollected, BoundStorage, BoundStorageFile:
		return u.Parts
	default:
		return secretParts(u.Secret, u.Library, u.PublicKey)
	}
}

// IsAdopted reports whether a server of this version has adopted everything.
func (i *Integrity) IsAdopted(ctx context.Context, store AdoptionStore) (bool, error) {
	for g := AdoptedSecrets; g <= NewestAdoption; g++ {
		if done, err := i.hasAdopted(ctx, store, g); err != nil || !done {
			return false, err
		}
	}
	return true, nil
}

func (i *Integrity) hasAdopted(ctx context.Context, store AdoptionStore, g AdoptionGeneration) (bool, error) {
	a, err := store.GetAdoption(ctx, g)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("get adoption: %w", err)
	}
	if !i.ring.VerifyMAC(a.MAC, purposeAdoption, a.parts()...) {
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
		var unbound []Unbound
		for _, row := range rows {
			if i.ring.Knows(row.Previous) {
				continue // a file from a source had a binding before there was this generation
			}
			there, err := loadParts(ctx, store, &row)
			if err != nil {
				return err
			}
			if !there {
				continue
			}
			row.Binding = append(row.Own, i.bindRow(row)...)
			unbound = append(unbound, row)
		}
		if err := store.Bind(ctx, unbound); err != nil {
			return err
		}
		if len(rows) < adoptionBatch {
			return nil
		}
		after = rows[len(rows)-1]
	}
}

// loadParts reads the parts of the binding of a row that is listed without: a file from a source, one content at a
// time. It reports false for one that is gone.
func loadParts(ctx context.Context, store AdoptionStore, row *Unbound) (bool, error) {
	if row.Kind != BoundCollected {
		return true, nil
	}
	parts, err := store.GetCollectedParts(ctx, wire.FileName(row.ID))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	row.Parts = parts
	return err == nil, err
}

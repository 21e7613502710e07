package library

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// PostboxID identifies a postbox.
type PostboxID string

// Postbox is a key pair of a library for a write contract, to which clients of before version 9 of the Node SDK push.
// They encrypt what they push for its public key, which they are given with the person's consent and keep for as long
// as they like: so the pair stays until the library or the application's access to all of it is deleted. The server
// decrypts what arrives, and seals it to the library as it does any other push.
type Postbox struct {
	ID          PostboxID
	Library     ID
	Application wire.ApplicationID
	Contract    wire.ContractID
	// Box is the private key with its owner, sealed by the master keyring.
	Box       []byte
	CreatedAt time.Time
}

// PostboxStore stores postboxes.
type PostboxStore interface {
	// AddPostbox adds a postbox unless the library has one for the contract. It returns the one that it has then, and
	// ErrNotFound if the library was deleted.
	AddPostbox(ctx context.Context, p Postbox) (Postbox, error)
	// FindPostbox returns the postbox of a library for a contract, and ErrNotFound if there is none.
	FindPostbox(ctx context.Context, library ID, contract wire.ContractID) (Postbox, error)
	// GetPostbox returns ErrNotFound for an unknown id.
	GetPostbox(ctx context.Context, id PostboxID) (Postbox, error)
}

// PostboxPurpose is the purpose with which the keyring seals the private key of a postbox.
func PostboxPurpose(id PostboxID) string { return "carrel key of postbox " + string(id) }

// postboxBox is what is sealed: the private key, and whose it is.
type postboxBox struct {
	Library     ID                 `json:"library"`
	Application wire.ApplicationID `json:"application"`
	Contract    wire.ContractID    `json:"contract"`
	Key         string             `json:"key"` // PEM
}

// OpenPostbox opens the private key of a postbox. It returns a [*TamperedError] if that is not what this server has
// sealed for the row.
func OpenPostbox(ring *seal.Keyring, p Postbox) (*rsa.PrivateKey, error) {
	text, err := ring.Open(PostboxPurpose(p.ID), p.Box)
	if err != nil {
		return nil, fmt.Errorf("open postbox %s: %w", p.ID, err)
	}
	var box postboxBox
	if json.Unmarshal(text, &box) != nil { // its error may repeat some of the text
		return nil, fmt.Errorf("open postbox %s: not what was sealed", p.ID)
	}
	if box.Library != p.Library || box.Application != p.Application || box.Contract != p.Contract {
		return nil, &TamperedError{Library: box.Library, What: "postbox " + string(p.ID) + " is said to be another's"}
	}
	key, err := wire.ParsePrivateKey([]byte(box.Key))
	if err != nil {
		return nil, fmt.Errorf("parse key of postbox %s: %w", p.ID, err)
	}
	return key, nil
}

// newPostbox makes a postbox.
func newPostbox(
	ring *seal.Keyring, library ID, client wire.ClientID, now time.Time,
) (Postbox, error) {
	key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
	if err != nil {
		return Postbox{}, fmt.Errorf("generate key of postbox: %w", err)
	}
	p := Postbox{ID: PostboxID(wire.RandomAlphanumeric(32)), Library: library, Application: client.Application,
		Contract: client.Contract, CreatedAt: now}
	text, err := json.Marshal(postboxBox{p.Library, p.Application, p.Contract, string(wire.MarshalPrivateKey(key))})
	if err != nil {
		return Postbox{}, fmt.Errorf("encode key of postbox: %w", err)
	}
	p.Box = ring.Seal(PostboxPurpose(p.ID), text)
	return p, nil
}

// PostboxAddress is what an application needs to push to a postbox.
type PostboxAddress struct {
	ID PostboxID
	// PublicKey is in PEM.
	PublicKey string
}

// postboxOf returns the address of the postbox of a library for the client of a request, which it makes if there is
// none yet; nil if the client has not asked for one.
func (c *Consents) postboxOf(ctx context.Context, s *SignedIn, r *PendingRequest) (*PostboxAddress, error) {
	if !r.Postbox || r.Client.Contract.Access != Write {
		return nil, nil
	}
	p, err := c.store.FindPostbox(ctx, s.Library.ID, r.Client.Contract.ID)
	if errors.Is(err, ErrNotFound) {
		if p, err = newPostbox(c.integrity.ring, s.Library.ID, r.Client.ID(), c.now()); err == nil {
			p, err = c.store.AddPostbox(ctx, p)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("get postbox: %w", err)
	}
	key, err := OpenPostbox(c.integrity.ring, p)
	if err != nil {
		return nil, c.integrity.RecordTampering(ctx, err)
	}
	return &PostboxAddress{p.ID, string(wire.MarshalPublicKey(&key.PublicKey))}, nil
}

// PostboxKey returns the private key of a postbox of the bearer's library and contract. It refuses any other with
// RefusedUnknown.
func (c *Consents) PostboxKey(ctx context.Context, b *Bearer, id PostboxID) (*rsa.PrivateKey, error) {
	p, err := c.store.GetPostbox(ctx, id)
	if errors.Is(err, ErrNotFound) || err == nil && (p.Library != b.Library.ID || p.Contract != b.Client.Contract.ID) {
		return nil, Unknown("Postbox").Because(err)
	}
	if err != nil {
		return nil, fmt.Errorf("get postbox: %w", err)
	}
	key, err := OpenPostbox(c.integrity.ring, p)
	if err != nil {
		return nil, c.integrity.RecordTampering(ctx, err)
	}
	return key, nil
}

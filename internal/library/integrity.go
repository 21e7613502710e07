package library

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// Integrity tells rows that this server has written from rows that somebody else has
// changed: whoever keeps the database must not be able to have a push sealed to them, or to
// rewrite the record, without being noticed.
//
// What an application asks for is bound to the code of its request, and so is the public key of
// the session that it was given. A library's id and public key are bound three times: with each
// token and code that is given out for the library, under a key that only the secret's text
// yields; under the master keyring, for what is received without a secret; and by each private
// key that is opened, whose public half must be the library's.
type Integrity struct {
	ring   *seal.Keyring
	events EventStore
	now    func() time.Time
	// told are the libraries whose activity says that they were tampered with, for an hour: an
	// attack must not fill the activity.
	told ttlCache[ID, struct{}]
}

// maxTold is how many libraries are remembered for an hour. Beyond it an activity may say so twice.
const maxTold = 4096

// NewIntegrity returns the integrity of libraries whose activity is stored in events.
func NewIntegrity(ring *seal.Keyring, events EventStore, now func() time.Time) *Integrity {
	return &Integrity{ring: ring, events: events, now: now,
		told: ttlCache[ID, struct{}]{ttl: time.Hour, limit: maxTold}}
}

// TamperedError says that what is stored of a library is not what this server has stored. The
// call is not carried out.
type TamperedError struct {
	Library ID
	// What says what does not fit, for the log.
	What string
}

func (e *TamperedError) Error() string {
	if e.Library == "" {
		return "a row of no library has been tampered with: " + e.What
	}
	return fmt.Sprintf("library %s has been tampered with: %s", e.Library, e.What)
}

// The purposes of the MACs of this package.
const (
	purposeSecretBinding  = "carrel library of a secret"
	purposeRequestBinding = "carrel authorization request"
	purposeSessionBinding = "carrel session of a request"
	purposeLibraryBinding = "carrel library"
	purposeAdopted        = "carrel adopted secret" // also of each secret since
	purposeLogin          = "carrel login"
	purposeRequest        = "carrel authorization request of an application"
	purposeAdoption       = "carrel adoption"
	purposeCheckpoint     = "carrel event checkpoint"
	purposeChainEnd       = "carrel end of activity"
	purposeGrant          = "carrel grant"
	purposeCollected      = "carrel file from a source"
	purposeStorage        = "carrel storage"
	purposeStorageFile    = "carrel file of a storage"
)

// BindSecret returns the binding of a token or code that is given out for a library: a MAC of the
// library's id and public key under a key that derives from the secret, and one of the same and of
// the secret's hash under the master keyring. Nobody can make the first without the secret, whoever
// has the keyring. Nobody can make the second without the keyring, so that no row is believed that
// somebody has made for a secret of their own.
func (i *Integrity) BindSecret(secret seal.Secret, l Library) []byte {
	return i.bindSecret(purposeAdopted, secret, l)
}

// BindLogin returns the binding of a login. It differs from that of a token, so that no application
// can have its token taken for a cookie.
func (i *Integrity) BindLogin(cookie seal.Secret, l Library) []byte {
	return i.bindSecret(purposeLogin, cookie, l)
}

func (i *Integrity) bindSecret(purpose string, secret seal.Secret, l Library) []byte {
	own := secret.MAC(purposeSecretBinding, []byte(l.ID), l.PublicKey.Bytes())
	return append(own, i.ring.MAC(purpose, secretParts(secret.Hash(), l.ID, l.PublicKey.Bytes())...)...)
}

func secretParts(hash seal.Hash, id ID, publicKey []byte) [][]byte {
	return [][]byte{hash[:], []byte(id), publicKey}
}

// splitBinding returns the MAC under the secret's key, which is empty for a secret of before, and the
// one under the master keyring, which is empty if there is none.
func splitBinding(binding []byte) (own, server []byte) {
	n := len(binding) - seal.KeyringMACSize
	if n < 0 {
		return binding, nil
	}
	return binding[:n:n], binding[n:]
}

// verifySecret returns a [*TamperedError] unless the binding beside a secret's row binds the
// library. A secret of before bindings was bound under the keyring only, at the first start of a
// program that has them; its text shows that it is one.
func (i *Integrity) verifySecret(ctx context.Context, secret seal.Secret, binding []byte, l Library) error {
	if i.isSecretBound(purposeAdopted, secret, binding, l) {
		return nil
	}
	return i.tampered(ctx, l.ID, "its id and public key are not those that the presented secret was given out for")
}

func (i *Integrity) isSecretBound(purpose string, secret seal.Secret, binding []byte, l Library) bool {
	own, server := splitBinding(binding)
	if secret.IsVersioned() && !secret.VerifyMAC(own, purposeSecretBinding, []byte(l.ID), l.PublicKey.Bytes()) {
		return false
	}
	return i.ring.VerifyMAC(server, purpose, secretParts(secret.Hash(), l.ID, l.PublicKey.Bytes())...)
}

// verifyLogin returns a [*TamperedError] unless a login is one of the library, and ErrNotFound for
// one that an older program has made, or whose master key is gone: the person signs in again.
func (i *Integrity) verifyLogin(ctx context.Context, cookie seal.Secret, binding []byte, l Library) error {
	if _, server := splitBinding(binding); !i.ring.Knows(server) {
		return fmt.Errorf("login has no binding: %w", ErrNotFound)
	}
	if i.isSecretBound(purposeLogin, cookie, binding, l) {
		return nil
	}
	return i.tampered(ctx, l.ID, "a login is not one of its own")
}

// BindRequest sets the bindings of a request. They bind what the application asks for, and the public
// key of its session: to that the private key of the library is sealed when the person agrees. Each is
// a MAC under a key that derives from the request's code, which the person's browser presents; Binding
// has one of all of it under the master keyring as well. The session is zero if the request has none.
func (i *Integrity) BindRequest(code seal.Secret, r *AuthRequest, s Session) {
	if s.Hash != (seal.Hash{}) {
		r.SessionBinding = code.MAC(purposeSessionBinding, s.Hash[:], s.PublicKey.Bytes())
	}
	r.Binding = append(code.MAC(purposeRequestBinding, requestParts(*r)...),
		i.ring.MAC(purposeRequest, serverRequestParts(*r)...)...)
}

func requestParts(r AuthRequest) [][]byte {
	return [][]byte{[]byte(r.Kind), []byte(r.ClientID.Application), []byte(r.ClientID.Contract), []byte(r.RedirectURI),
		[]byte(r.State), []byte(r.Challenge), []byte(r.Library), r.Session[:]}
}

func serverRequestParts(r AuthRequest) [][]byte {
	return append(requestParts(r), r.Hash[:], r.SessionBinding)
}

// verifyRequest returns a [*TamperedError] unless a request is what the application asked for. It
// returns ErrNotFound for a request that an older program has made, or whose master key is gone: the
// application asks again. A request lives for half an hour.
func (i *Integrity) verifyRequest(ctx context.Context, code seal.Secret, r AuthRequest) error {
	own, server := splitBinding(r.Binding)
	switch {
	case !i.ring.Knows(server):
		return fmt.Errorf("request has no binding: %w", ErrNotFound)
	case !code.VerifyMAC(own, purposeRequestBinding, requestParts(r)...),
		!i.ring.VerifyMAC(server, purposeRequest, serverRequestParts(r)...):
		return i.tampered(ctx, r.Library, "an authorization request is not what its application asked for")
	}
	return nil
}

// verifySession returns a [*TamperedError] unless the public key of a request's session is the one
// that it was made with.
func (i *Integrity) verifySession(ctx context.Context, id ID, r *PendingRequest, s Session) error {
	if r.code.VerifyMAC(r.SessionBinding, purposeSessionBinding, s.Hash[:], s.PublicKey.Bytes()) {
		return nil
	}
	return i.tampered(ctx, id, "the public key of a session is not the one that its request was made with")
}

// BindLibrary returns the binding of a library under the master keyring.
func (i *Integrity) BindLibrary(id ID, publicKey []byte) []byte {
	return i.ring.MAC(purposeLibraryBinding, []byte(id), publicKey)
}

// VerifyLibrary returns a [*TamperedError] unless the library's id and public key are those
// that this server has stored. Whoever seals something to a library without a secret that the
// person or an application presents calls it first.
func (i *Integrity) VerifyLibrary(ctx context.Context, l Library) error {
	if !i.isBound(l) {
		return i.tampered(ctx, l.ID, "its id and public key are not those that this server has stored")
	}
	return nil
}

func (i *Integrity) isBound(l Library) bool {
	return i.ring.VerifyMAC(l.Binding, purposeLibraryBinding, []byte(l.ID), l.PublicKey.Bytes())
}

// BindGrant returns the binding of a grant.
func (i *Integrity) BindGrant(g Grant) []byte { return i.ring.MAC(purposeGrant, g.parts()...) }

func (i *Integrity) isGrantBound(g Grant) bool {
	return i.ring.VerifyMAC(g.Binding, purposeGrant, g.parts()...)
}

// verifyGrant returns a [*TamperedError] unless a grant covers what the person has allowed, until
// when they have.
func (i *Integrity) verifyGrant(ctx context.Context, g Grant) error {
	if !i.isGrantBound(g) {
		return i.tampered(ctx, g.Library, fmt.Sprintf("grant %s is not what the person has allowed", g.ID))
	}
	return nil
}

// BindRow returns the binding of a storage, or of a file of one, with the parts that package storage names.
func (i *Integrity) BindRow(kind BoundKind, parts ...[]byte) []byte {
	return i.bindRow(Unbound{Kind: kind, Parts: parts})
}

// IsRowBound reports whether a binding is that of BindRow.
func (i *Integrity) IsRowBound(binding []byte, kind BoundKind, parts ...[]byte) bool {
	return i.ring.VerifyMAC(binding, Unbound{Kind: kind}.purpose(), parts...)
}

// verifyKey returns a [*TamperedError] unless a private key that has been opened is that of the
// library's public key, and that the one that this server has stored. Somebody who is led to another
// library that has been given their lock and public key does not open it.
func (i *Integrity) verifyKey(ctx context.Context, key seal.PrivateKey, l Library) error {
	if !key.PublicKey().Equal(l.PublicKey) {
		return i.tampered(ctx, l.ID, "its public key is not that of its private key")
	}
	return i.VerifyLibrary(ctx, l)
}

// open opens the private key that is sealed for a secret, and verifies it.
func (i *Integrity) open(
	ctx context.Context,
	secret seal.Secret,
	sealed seal.Sealed,
	l Library,
) (seal.PrivateKey, error) {
	key, err := secret.OpenKey(sealed)
	if err != nil {
		return seal.PrivateKey{}, fmt.Errorf("open seal of library %s: %w", l.ID, err)
	}
	return key, i.verifyKey(ctx, key, l)
}

// tampered records in the library's activity that it has been tampered with, at most once an
// hour, and returns the error.
func (i *Integrity) tampered(ctx context.Context, id ID, what string) error {
	return i.record(ctx, &TamperedError{id, what}, EventDetails{})
}

// tamperedFile is tampered for one file.
func (i *Integrity) tamperedFile(ctx context.Context, file File, what string) error {
	err := &TamperedError{file.Library, fmt.Sprintf("file %s: %s", file.ID, what)}
	return i.record(ctx, err, EventDetails{File: file.ID, FileName: file.Name()})
}

// RecordTampering records in the library's activity what a [*TamperedError] says, at most once an hour,
// and returns err, joined with the error of the store. It returns any other error as it is.
func (i *Integrity) RecordTampering(ctx context.Context, err error) error {
	var tampered *TamperedError
	if !errors.As(err, &tampered) {
		return err
	}
	return errors.Join(err, i.tell(ctx, tampered, EventDetails{}))
}

func (i *Integrity) record(ctx context.Context, err *TamperedError, details EventDetails) error {
	if err2 := i.tell(ctx, err, details); err2 != nil {
		return errors.Join(err, err2)
	}
	return err
}

// tell adds the event to the library's activity, at most once an hour.
func (i *Integrity) tell(ctx context.Context, err *TamperedError, details EventDetails) error {
	id := err.Library
	if id == "" {
		return nil
	}
	now := i.now()
	if _, told := i.told.get(id, now); told {
		return nil
	}
	i.told.put(id, struct{}{}, now)
	event := Event{Library: id, At: now, Kind: EventTampered, Details: details}
	if err := i.events.AddEvent(ctx, event); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("record that: %w", err)
	}
	return nil
}

// millis returns a time as it is bound: milliseconds since 1970, in 8 bytes.
func millis(t time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(t.UnixMilli())) }

package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// KeyUse says what one key of the master keyring still holds.
type KeyUse struct {
	ID string
	// Known reports whether the key is in the keyring, and Newest whether it is the one that seals.
	Known, Newest bool
	// Boxes counts what the key has sealed, by kind.
	Boxes map[store.BoxKind]int
}

// Total counts everything that the key has sealed.
func (u KeyUse) Total() (n int) {
	for _, boxes := range u.Boxes {
		n += boxes
	}
	return n
}

// openKeys opens the keyring and the database of a configuration, which has to exist. The keyring is nil if there is
// none.
func openKeys(ctx context.Context, c Config) (*seal.Keyring, *store.DB, error) {
	if err := CheckInstallation(ctx, c); err != nil {
		return nil, nil, err
	}
	ring, err := openKeyring(c)
	if err != nil {
		return nil, nil, err
	}
	db, err := store.OpenExisting(ctx, c.Database)
	if err != nil {
		return nil, nil, fmt.Errorf("open database: %w", err)
	}
	return ring, db, nil
}

// ListKeys lists the keys of the keyring, oldest first, and then those that only the database knows.
func ListKeys(ctx context.Context, c Config) (_ []KeyUse, err error) {
	ring, db, err := openKeys(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return keyUses(ctx, ring, db)
}

func keyUses(ctx context.Context, ring *seal.Keyring, db *store.DB) (uses []KeyUse, err error) {
	if ring != nil {
		for _, id := range ring.Keys() {
			uses = append(uses, KeyUse{ID: string(id), Known: true, Boxes: map[store.BoxKind]int{}})
		}
		uses[len(uses)-1].Newest = true
	}
	count := func(key seal.KeyID, kind store.BoxKind, n int) {
		id := string(key)
		i := slices.IndexFunc(uses, func(u KeyUse) bool { return u.ID == id })
		if i < 0 {
			i, uses = len(uses), append(uses, KeyUse{ID: id, Boxes: map[store.BoxKind]int{}})
		}
		uses[i].Boxes[kind] += n
	}
	err = db.EachBox(ctx, func(b store.Box) error {
		count(seal.KeyOf(b.Bytes), b.Kind, 1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	bindings, err := db.CountBindings(ctx)
	for id, n := range bindings {
		count(id, store.BoxBinding, n)
	}
	return uses, err
}

// RotateOptions say how far [RotateKeys] goes.
type RotateOptions struct {
	// AddOnly adds a key and encrypts nothing yet: the other servers have to get the key first.
	AddOnly bool
	// DropOld removes the older keys from the keyring's file in the end.
	DropOld bool
}

// Rotation is the result of [RotateKeys].
type Rotation struct {
	// Added is the key that was added; empty if an earlier rotation was continued.
	Added string
	// Newest is the key that has sealed everything, unless only a key was added.
	Newest string
	// Encrypted counts what was encrypted again.
	Encrypted int
	// Dropped are the keys that were removed from the keyring.
	Dropped []string
}

// RotateKeys adds a key to the keyring, unless an earlier rotation was not finished, and encrypts with it what older
// keys have encrypted. It can be interrupted at any time, and goes on when it is called again. Servers may run.
func RotateKeys(ctx context.Context, c Config, o RotateOptions) (r Rotation, err error) {
	ring, db, err := openKeys(ctx, c)
	if err != nil {
		return Rotation{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if ring == nil {
		return Rotation{}, fmt.Errorf("the keyring %s does not exist: check --master-key-file", c.Keyring)
	}
	uses, err := keyUses(ctx, ring, db)
	if err != nil {
		return Rotation{}, err
	}
	if err := checkAllKnown(uses); err != nil {
		return Rotation{}, err
	}
	pending := 0
	for _, u := range uses {
		if !u.Newest {
			pending += u.Total()
		}
	}
	// With --drop-old alone there may be nothing to do but that.
	if dropOnly := o.DropOld && len(uses) > 1; pending == 0 && !dropOnly {
		if ring, err = addKey(c); err != nil {
			return Rotation{}, err
		}
		r.Added = newest(ring)
	}
	r.Newest = newest(ring)
	if o.AddOnly {
		return r, nil
	}
	if r.Encrypted, err = reseal(ctx, ring, db); err != nil || !o.DropOld {
		return r, err
	}
	r.Dropped, err = dropOld(ctx, c, ring, db)
	return r, err
}

func newest(ring *seal.Keyring) string {
	keys := ring.Keys()
	return string(keys[len(keys)-1])
}

func checkAllKnown(uses []KeyUse) error {
	for _, u := range uses {
		if !u.Known {
			return fmt.Errorf("key %s has sealed secrets of the server (%d) and is not in the keyring: restore "+
				"the keyring that has it, or run `carrel keys reset`, which says what is lost", u.ID, u.Total())
		}
	}
	return nil
}

// addKey adds a key to the keyring's file and opens it again.
func addKey(c Config) (*seal.Keyring, error) {
	if len(c.MasterKeys) > 0 {
		return nil, errors.New("the keyring is in CARREL_MASTER_KEYS, which this command cannot change: add a line " +
			"with 32 random bytes in base64 to its end (openssl rand -base64 32), for every server, and run the " +
			"command again")
	}
	if err := seal.AddKey(c.Keyring); err != nil {
		return nil, err
	}
	return seal.OpenKeyring(c.Keyring)
}

// reseal encrypts, and binds, with the newest key what is not. It goes on after a box that does not open, which
// somebody has changed, and returns an error in the end.
func reseal(ctx context.Context, ring *seal.Keyring, db *store.DB) (n int, err error) {
	var closed []error
	n, err = replaceBoxes(ctx, db, func(b store.Box) ([]byte, error) {
		if string(seal.KeyOf(b.Bytes)) == newest(ring) {
			return nil, nil
		}
		purpose := boxPurpose(b)
		plain, err := ring.Open(purpose, b.Bytes)
		if err != nil {
			closed = append(closed, fmt.Errorf("open %s: %w", purpose, err))
			return nil, nil
		}
		return ring.Seal(purpose, plain), nil
	})
	if err == nil {
		err = library.NewIntegrity(ring, db, time.Now).Rebind(ctx, db)
	}
	return n, errors.Join(err, errors.Join(closed...))
}

// boxPurpose returns the purpose with which a box was sealed.
func boxPurpose(b store.Box) string {
	switch b.Kind {
	case store.BoxSigningKey:
		return library.SigningKeyPurpose(b.SigningKey)
	case store.BoxAuthorization:
		return delivery.AuthorizationPurpose(b.Authorization.State)
	case store.BoxConnection, store.BoxRevocation:
		return delivery.AccessPurpose(b.Connection.ID)
	case store.BoxPayload:
		return delivery.PayloadPurpose(b.Delivery.ID)
	case store.BoxAnswer:
		return delivery.AnswerPurpose(b.Delivery.ID)
	case store.BoxFingerprint:
		return library.FingerprintPurpose(b.File)
	case store.BoxPostbox:
		return library.PostboxPurpose(b.Postbox.ID)
	default:
		return ""
	}
}

// dropOld removes the older keys, after servers have had the time to use the newest one.
func dropOld(ctx context.Context, c Config, ring *seal.Keyring, db *store.DB) (dropped []string, err error) {
	if len(c.MasterKeys) > 0 {
		return nil, errors.New("the keyring is in CARREL_MASTER_KEYS, which this command cannot change: everything " +
			"is sealed with its last line, so the lines before can be removed")
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(seal.KeyringDelay):
	}
	if _, err := reseal(ctx, ring, db); err != nil {
		return nil, err
	}
	keys := ring.Keys()
	old := keys[:len(keys)-1]
	if err := seal.RemoveKeys(c.Keyring, old); err != nil {
		return nil, err
	}
	for _, id := range old {
		dropped = append(dropped, string(id))
	}
	return dropped, nil
}

// forReset returns a configuration without the folder of large contents, which may be lost as well.
func forReset(c Config) Config {
	c.Blobs = ""
	return c
}

// Reset says what [ResetKeys] would give up.
type Reset struct {
	// Uses is what each key has sealed.
	Uses []KeyUse
	// Newest is the newest key of the keyring; empty if there is no keyring.
	Newest string
	// Opens reports whether the keyring opens everything, so that there is nothing to reset, and Foreign whether it
	// opens nothing: it is the keyring of another database.
	Opens, Foreign bool
	// AdoptionGone reports that the keyring knows of an adoption and the database does not: a reset mends that.
	AdoptionGone bool
}

// InspectReset says what [ResetKeys] would give up, by key, and what the keyring opens of it.
func InspectReset(ctx context.Context, c Config) (r Reset, err error) {
	ring, db, err := openKeys(ctx, forReset(c))
	if err != nil {
		return Reset{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.Uses, err = keyUses(ctx, ring, db); err != nil || ring == nil {
		return r, err
	}
	r.Newest = newest(ring)
	state, err := store.Inspect(ctx, c.Database)
	if err != nil {
		return r, err
	}
	r.AdoptionGone = ring.Adopted() > int(state.Adopted)
	sealed := 0
	r.Opens, r.Foreign = checkAllKnown(r.Uses) == nil, true
	err = db.EachBox(ctx, func(b store.Box) error {
		sealed++
		_, err := ring.Open(boxPurpose(b), b.Bytes)
		r.Opens, r.Foreign = r.Opens && err == nil, r.Foreign && err != nil
		return nil
	})
	r.Foreign = r.Foreign && sealed > 0
	return r, err
}

// ResetKeys deletes everything that the keyring has sealed, so that a server can start with another keyring. It is for
// a keyring that is lost. No server may use the database.
func ResetKeys(ctx context.Context, c Config) (err error) {
	c = forReset(c)
	if err := CheckInstallation(ctx, c); err != nil {
		return err
	}
	hold, err := store.HoldAlone(ctx, c.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hold.Release()) }()
	_, db, err := openKeys(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// Unbind comes first: what an interrupted reset leaves is removed by the next.
	if err := db.Unbind(ctx); err != nil {
		return fmt.Errorf("reset keys: %w", err)
	}
	if err := db.ResetKeyring(ctx, time.Now(), "the server lost its keys"); err != nil {
		return err
	}
	return forgetAdoption(c)
}

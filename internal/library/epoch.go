package library

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carrelhq/carrel/internal/seal"
)

// To seal the key of a file takes more than half of the work of a small push. So the small files that are pushed into a
// library within a minute share an epoch: a secret that is sealed to the library once, and from which the key of each
// file derives. What is at rest is as safe as before. Whoever reads the memory of the process can open, besides what
// arrives from then on, the small files of the last minute of libraries into which much is pushed: see
// docs/threat-model.md.

const (
	// epochAfter is within which time a second file has to follow for an epoch to begin: where little is pushed, each
	// file is sealed by itself.
	epochAfter = 10 * time.Second
	// epochTime and epochFiles end an epoch.
	epochTime  = time.Minute
	epochFiles = 1000
	// wipeInterval is how often the secrets of those that have ended are wiped.
	wipeInterval = 15 * time.Second
	// maxEpochs bounds the libraries that are remembered, at some 2 KB each.
	maxEpochs = 5000
)

// Epoch is the row of an epoch: what opens it with the library's private key.
type Epoch struct {
	ID            seal.EpochID
	Library       ID
	Encapsulation []byte
	CreatedAt     time.Time
}

// epochKeySize is the length of Content.Key of a file that is sealed in an epoch: the epoch's id and the file's salt.
const epochKeySize = len(seal.EpochID{}) + saltSize

const saltSize = 16

// epochKeyOf returns the epoch and the salt that the key of a content names.
func epochKeyOf(c Content) (id seal.EpochID, salt []byte, ok bool) {
	if len(c.Key) != epochKeySize {
		return id, nil, false
	}
	return seal.EpochID(c.Key), c.Key[len(id):], true
}

// openEpoch returns the key of a file that is sealed in an epoch. It returns [seal.ErrCannotOpen] if what the key
// derives from is gone, or another's.
func (f *Files) openEpoch(
	ctx context.Context, private seal.PrivateKey, file File, content Content,
) (seal.FileKey, error) {
	id, salt, ok := epochKeyOf(content)
	if !ok {
		return seal.FileKey{}, seal.ErrCannotOpen
	}
	encapsulation, err := f.store.GetEncapsulation(ctx, file.Library, id)
	if errors.Is(err, ErrNotFound) {
		return seal.FileKey{}, seal.ErrCannotOpen
	}
	if err != nil {
		return seal.FileKey{}, err
	}
	epoch, err := private.OpenEpoch(string(file.Library), id, encapsulation)
	if err != nil {
		return seal.FileKey{}, err
	}
	defer epoch.Clear()
	return epoch.FileKey(content.Format.binding(file), salt)
}

// epochs are the open epochs of a server.
type epochs struct {
	now       func() time.Time
	mu        sync.Mutex // locked before that of an epoch
	libraries map[ID]*epoch
	forgot    time.Time // when forget last went through all of them
	// wiping is whether a timer will wipe what has ended.
	wiping atomic.Bool
}

// epoch is what is known of the pushes into a library. Its mutex guards what follows: the secret is not wiped while a
// key derives from it.
type epoch struct {
	mu       sync.Mutex
	lastPush time.Time
	gone     bool // forgotten, so that nothing would wipe a secret
	// row is the row of the open epoch; nil if there is none.
	row    *Epoch
	secret seal.Epoch
	// publicKey is the hash of the key that the epoch is sealed to.
	publicKey seal.Hash
	files     int
}

// sealSmall encrypts a small file, in an epoch if there is one, or should be; never if e is nil. The row is that of the
// epoch; nil for a file that is sealed by itself.
func (e *epochs) sealSmall(owner Library, file File, plain []byte) (_ Content, row *Epoch, err error) {
	content := Content{Format: FormatInlineEpoch}
	var key seal.FileKey
	if e != nil {
		if key, row, err = e.fileKey(owner, file, &content); err != nil {
			return Content{}, nil, err
		}
	}
	if row == nil {
		content.Format = FormatInline
		key = seal.NewFileKey()
		if content.Key, err = key.SealTo(owner.PublicKey, content.Format.binding(file)); err != nil {
			return Content{}, nil, err
		}
	}
	content.Inline, err = key.SealContent(content.Format.binding(file), plain)
	return content, row, err
}

// fileKey returns the key of a file in its library's epoch, and sets Key of the content. The row is nil if the file has
// to be sealed by itself.
func (e *epochs) fileKey(owner Library, file File, content *Content) (_ seal.FileKey, row *Epoch, err error) {
	of := e.of(owner.ID)
	if of == nil {
		return seal.FileKey{}, nil, nil
	}
	of.mu.Lock()
	defer of.mu.Unlock()
	if of.gone {
		return seal.FileKey{}, nil, nil
	}
	now := e.now() // not when the file began to arrive: later ones may have come before
	since := now.Sub(of.lastPush)
	of.lastPush = now
	publicKey := seal.Hash(sha256.Sum256(owner.PublicKey.Bytes()))
	if of.row != nil && (of.ended(now) || of.publicKey != publicKey) {
		of.end()
	}
	if of.row == nil {
		if since < 0 || since > epochAfter {
			return seal.FileKey{}, nil, nil
		}
		if err := of.open(owner, publicKey, now); err != nil {
			return seal.FileKey{}, nil, err
		}
		e.wipeLater()
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails, by its documentation
	key, err := of.secret.FileKey(content.Format.binding(file), salt)
	if err != nil {
		return seal.FileKey{}, nil, err
	}
	of.files++
	content.Key = slices.Concat(of.row.ID[:], salt)
	return key, of.row, nil
}

// of returns what is known of the pushes into a library; nil if there is no room to know more, or nothing was known.
func (e *epochs) of(id ID) *epoch {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if of := e.libraries[id]; of != nil {
		return of
	}
	if full := len(e.libraries) >= maxEpochs; full && now.Sub(e.forgot).Abs() >= time.Second {
		e.forget(now)
	}
	if len(e.libraries) >= maxEpochs {
		return nil
	}
	if e.libraries == nil {
		e.libraries = map[ID]*epoch{}
	}
	e.libraries[id] = &epoch{lastPush: now}
	return nil
}

// forget wipes the epochs that have ended, forgets the libraries into which nothing is pushed, and returns how many
// epochs are open. The caller holds e.mu.
func (e *epochs) forget(now time.Time) (open int) {
	e.forgot = now
	for id, of := range e.libraries {
		of.mu.Lock()
		if of.row != nil && of.ended(now) {
			of.end()
		}
		switch {
		case of.row != nil:
			open++
		case now.Sub(of.lastPush) > epochAfter:
			of.gone = true
			delete(e.libraries, id)
		}
		of.mu.Unlock()
	}
	return open
}

// wipeLater sees to it that secrets are wiped in time where nothing more is pushed.
func (e *epochs) wipeLater() {
	if !e.wiping.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(wipeInterval, func() {
		e.wiping.Store(false)
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.forget(e.now()) > 0 {
			e.wipeLater()
		}
	})
}

// open begins an epoch.
func (of *epoch) open(owner Library, publicKey seal.Hash, now time.Time) error {
	id := seal.NewEpochID()
	secret, encapsulation, err := owner.PublicKey.NewEpoch(string(owner.ID), id)
	if err != nil {
		return err
	}
	of.secret, of.publicKey, of.files = secret, publicKey, 0
	of.row = &Epoch{ID: id, Library: owner.ID, Encapsulation: encapsulation, CreatedAt: now}
	return nil
}

func (of *epoch) ended(now time.Time) bool {
	age := now.Sub(of.row.CreatedAt)
	return age < 0 || age >= epochTime || of.files >= epochFiles
}

// end wipes the secret.
func (of *epoch) end() {
	of.secret.Clear()
	of.secret, of.row = seal.Epoch{}, nil
}

package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// ID names a storage.
type ID = library.StorageID

// Storage is a storage without its files.
type Storage struct {
	ID          ID
	Application wire.ApplicationID
	// Library is empty until a person has allowed the storage.
	Library   library.ID
	CreatedAt time.Time
	// ChangedAt is when a file was added or deleted last.
	ChangedAt time.Time
	// ExpiresAt is when the storage is deleted if no person has allowed it; zero from then on.
	ExpiresAt time.Time
	// Used is what it holds.
	library.Used
	// Version is how many files were ever put into it, and VersionSum the sum of the versions of those that are there.
	Version, VersionSum int64
	// Binding is the MAC of all that under the master keyring. The store makes it.
	Binding []byte
}

// unclaimedLifetime is how long a storage waits for a person to allow it.
const unclaimedLifetime = 24 * time.Hour

// Config bounds storages.
type Config struct {
	// Quota bounds each storage. All storages of an application that no person has allowed have to do with one quota.
	Quota library.Quota
	// MaxFileSize is the largest file, in bytes; 0 means no limit.
	MaxFileSize int64
	// Space says whether the disks have room; nil if nobody watches them.
	Space library.FreeSpace
}

// CheckQuota returns a [*library.QuotaError] if a storage would hold more than the quota. Used is what it holds now,
// and then what it would hold; shared says that both are the sums of all storages of an application that no person has
// allowed. A storage that holds too much already may become smaller.
func CheckQuota(q library.Quota, used, then library.Used, shared bool) error {
	full := library.QuotaError{Kind: library.StorageQuota, Quota: q, Used: used, Shared: shared}
	switch {
	case q.Files > 0 && then.Files > q.Files && then.Files > used.Files:
		return &full
	case q.Bytes > 0 && then.Bytes > q.Bytes && then.Bytes > used.Bytes:
		full.InBytes = true
		return &full
	}
	return nil
}

// checkSpace returns an error that matches library.ErrStorageFull if a disk is nearly full.
func (c Config) checkSpace() error {
	if c.Space == nil {
		return nil
	}
	return c.Space.Check()
}

// ErrNoConsent says that the person of a storage has no consent with its application in force.
var ErrNoConsent = errors.New("the person has no consent with the application in force")

// Storages manages storages and the files in them.
type Storages struct {
	store     Store
	blobs     library.Blobs
	consents  *library.Consents
	integrity *library.Integrity
	now       func() time.Time
	config    Config
	buffers   sync.Pool
}

// New returns the storages that are stored in store and blobs.
func New(
	store Store, blobs library.Blobs, consents *library.Consents, integrity *library.Integrity, now func() time.Time,
	config Config,
) *Storages {
	return &Storages{store: store, blobs: blobs, consents: consents, integrity: integrity, now: now, config: config,
		buffers: sync.Pool{New: func() any { return new([library.InlineLimit + 1]byte) }}}
}

// Create makes a storage for the application of a request. It belongs to nobody until a person allows it.
func (s *Storages) Create(ctx context.Context, req *library.SignedRequest) (Storage, error) {
	now := s.now()
	made := Storage{ID: ID(wire.RandomAlphanumeric(32)), Application: req.Application.ID, CreatedAt: now,
		ChangedAt: now, ExpiresAt: now.Add(unclaimedLifetime)}
	if err := s.store.AddStorage(ctx, made); err != nil {
		return Storage{}, fmt.Errorf("add storage: %w", err)
	}
	return made, nil
}

// FindForBearer returns the storage of a bearer's library and application. It refuses with RefusedUnknown if there is
// none, and returns a [*library.TamperedError] if it is not what this server has stored.
func (s *Storages) FindForBearer(ctx context.Context, b *library.Bearer) (Storage, error) {
	found, err := s.store.FindStorage(ctx, b.Library.ID, b.Client.Application.ID)
	if errors.Is(err, library.ErrNotFound) {
		return Storage{}, unknown(err)
	}
	if err != nil {
		return Storage{}, fmt.Errorf("find storage: %w", err)
	}
	return found, s.verify(ctx, found)
}

func unknown(cause error) error { return library.Unknown("Storage").Because(cause) }

// Open returns the storage that a request for files names. It refuses with RefusedUnknown an id that is unknown, has
// expired, or is another application's, and returns ErrNoConsent. It returns a [*library.TamperedError] for a storage
// that is not what this server has stored.
func (s *Storages) Open(ctx context.Context, req *library.CloudRequest, id ID) (Storage, error) {
	if !wire.ValidName(string(id)) {
		return Storage{}, unknown(nil)
	}
	found, err := s.store.GetStorage(ctx, id)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return Storage{}, unknown(err)
	case err != nil:
		return Storage{}, fmt.Errorf("get storage: %w", err)
	case found.Application != req.Application.ID:
		return Storage{}, unknown(fmt.Errorf("it is of application %s", found.Application))
	}
	if err := s.verify(ctx, found); err != nil {
		return Storage{}, err
	}
	switch {
	case found.Library == "" && !s.now().Before(found.ExpiresAt):
		return Storage{}, unknown(errors.New("it has expired"))
	case found.Library == "":
		return found, nil
	}
	has, err := s.consents.HasAccess(ctx, found.Library, req.ID())
	if err != nil {
		return Storage{}, err
	}
	if !has {
		return Storage{}, ErrNoConsent
	}
	return found, nil
}

// MarkUsed records that a call for the files of a storage has succeeded, as use of the person's consent.
func (s *Storages) MarkUsed(ctx context.Context, of Storage, client wire.ClientID) {
	if of.Library != "" {
		s.consents.MarkAccessUsed(ctx, of.Library, client)
	}
}

// Watch returns a context that ends, for the cause library.ErrEnded, soon after the person's consent with the
// storage's application has ended, or the client was disabled. The caller must call the function when the transfer is
// over.
func (s *Storages) Watch(ctx context.Context, of Storage, client wire.ClientID) (context.Context, func()) {
	return s.consents.WatchAccess(ctx, of.Library, client)
}

// ListForPerson lists the storages of a person's library.
func (s *Storages) ListForPerson(ctx context.Context, in *library.SignedIn) ([]Storage, error) {
	list, err := s.store.ListStorages(ctx, in.Library.ID)
	if err != nil {
		return nil, fmt.Errorf("list storages: %w", err)
	}
	return list, nil
}

// DeleteForPerson deletes the storage of a person's library at an application, with all files. It returns
// library.ErrNotFound if there is none.
func (s *Storages) DeleteForPerson(ctx context.Context, in *library.SignedIn, a library.Application) error {
	event := library.Event{Library: in.Library.ID, At: s.now(), Kind: library.EventStorageDeleted,
		Details: library.EventDetails{Application: a.ID, ApplicationName: a.Name}}
	if err := s.store.DeleteStorage(ctx, in.Library.ID, a.ID, event); err != nil {
		return fmt.Errorf("delete storage: %w", err)
	}
	return nil
}

// DeleteForBearer deletes the storage of a bearer's library and application, which is about to end all that it has of
// the person. It is no error if there is none. Under a contract that deletes the library it deletes nothing: what it
// ends then is the library, which its person can reopen as it was.
func (s *Storages) DeleteForBearer(ctx context.Context, b *library.Bearer) error {
	if b.Client.Contract.DeletesLibrary {
		return nil
	}
	event := library.Event{Library: b.Library.ID, At: s.now(), Kind: library.EventStorageDeletedByApp,
		Details: b.Client.EventDetails()}
	err := s.store.DeleteStorage(ctx, b.Library.ID, b.Client.Application.ID, event)
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return fmt.Errorf("delete storage: %w", err)
	}
	return nil
}

// sweepAtOnce is how many storages or contents one call of the store removes.
const sweepAtOnce = 100

// SweepExpired deletes the storages that no person has allowed in time, with their files.
func (s *Storages) SweepExpired(ctx context.Context) error {
	for {
		n, err := s.store.DeleteExpiredStorages(ctx, s.now(), sweepAtOnce)
		if err != nil {
			return fmt.Errorf("delete expired storages: %w", err)
		}
		if n < sweepAtOnce {
			return nil
		}
	}
}

// RemoveContents removes the large contents that no file has any more. It is called every few seconds; a crash delays
// it until the next start.
func (s *Storages) RemoveContents(ctx context.Context) error {
	for {
		list, err := s.store.ListStorageRemovals(ctx, sweepAtOnce)
		if err != nil {
			return fmt.Errorf("list contents to remove: %w", err)
		}
		for _, c := range list {
			if err := s.blobs.Delete(ctx, c.Key()); err != nil {
				return fmt.Errorf("remove content: %w", err)
			}
		}
		if len(list) > 0 {
			if err := s.store.ForgetStorageRemovals(ctx, list); err != nil {
				return fmt.Errorf("forget contents that were removed: %w", err)
			}
		}
		if len(list) < sweepAtOnce {
			return nil
		}
	}
}

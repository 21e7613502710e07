package storage

import (
	"context"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Store is all that [Storages] stores. The comment of package library's errors says what holds for every method.
type Store interface {
	StorageStore
	FileStore
	RemovalStore
}

// StorageStore stores storages. A library gets one by [library.AuthRequestStore.Allow]. A method that adds a storage or
// a file, or changes one, makes its binding. One that changes a storage returns a [*library.TamperedError], and changes
// nothing, unless the storage has the binding that it made; DeleteStorage and DeleteExpiredStorages do not.
type StorageStore interface {
	// AddStorage adds a storage that has no library. It deletes the oldest of those of the application that have none,
	// with their files, until as many are left as library.Limits allow.
	AddStorage(ctx context.Context, s Storage) error
	GetStorage(ctx context.Context, id ID) (Storage, error)
	// FindStorage returns the storage of a library at an application.
	FindStorage(ctx context.Context, id library.ID, application wire.ApplicationID) (Storage, error)
	// ListStorages lists the storages of a library, in the order of their applications.
	ListStorages(ctx context.Context, id library.ID) ([]Storage, error)
	// SumStorages returns how many storages an application has, with those that no person has allowed, and what they
	// hold. It reads all storages, so it is for operators.
	SumStorages(ctx context.Context, application wire.ApplicationID) (Usage, error)
	// DeleteStorage deletes the storage of a library at an application, with its files, and adds the event. It returns
	// ErrNotFound, and adds no event, if there is none.
	DeleteStorage(ctx context.Context, id library.ID, application wire.ApplicationID, e library.Event) error
	// DeleteExpiredStorages deletes up to limit storages that have no library and have expired, with their files, each
	// in a transaction of its own, and returns how many were expired.
	DeleteExpiredStorages(ctx context.Context, now time.Time, limit int) (int, error)
}

// Usage is what the storages of an application hold.
type Usage struct {
	Storages int64
	library.Used
}

// FileStore stores the files of storages: what is known about them, and their contents if they are small. A method
// that deletes a file whose content is large, or replaces it, adds the content to the removals. One that deletes a file
// or replaces it returns a [*library.TamperedError], and changes nothing, unless the file has the binding that
// PutStorageFile made.
type FileStore interface {
	// PutStorageFile adds a file, in place of the one that has the same path, and counts it. It returns a
	// [*library.QuotaError] if it does not fit, and ErrNotFound if the storage is gone, has expired, or is of a library
	// that has no grant of its application in force at the file's time; then it changes nothing.
	PutStorageFile(ctx context.Context, f NewFile, q library.Quota) error
	// GetStorageFile returns ErrNotFound if there is no file with the path.
	GetStorageFile(ctx context.Context, id ID, p Path) (File, error)
	// GetStorageContent returns the content of a small file. It returns ErrNotFound for a large one, and for one that
	// is gone.
	GetStorageContent(ctx context.Context, file string) ([]byte, error)
	// ListStorageFiles returns up to limit files of a folder, and of the folders in it if recursive is set, in the
	// order of folder and name, after the given file. The zero File is before all.
	ListStorageFiles(ctx context.Context, id ID, p Path, recursive bool, after File, limit int) ([]File, error)
	// DeleteStorageFile deletes a file. It returns ErrNotFound if there is none.
	DeleteStorageFile(ctx context.Context, id ID, p Path, at time.Time) error
	// DeleteStorageFolder deletes a folder with all files and folders in it, and adds the event if that has a library.
	// It returns ErrNotFound, and adds no event, if there was no file in it.
	DeleteStorageFolder(ctx context.Context, id ID, p Path, at time.Time, e library.Event) error
	// SumStoragesOfNobody returns what the storages of an application hold that have no library.
	SumStoragesOfNobody(ctx context.Context, application wire.ApplicationID) (library.Used, error)
}

// NewFile is a file to add; see [FileStore.PutStorageFile].
type NewFile struct {
	File
	// Content is the content of a small file; nil if it is in a blob.
	Content []byte
}

// Content is a large content.
type Content struct {
	Storage ID
	File    string
}

// RemovalStore knows the large contents that no file has any more.
type RemovalStore interface {
	ListStorageRemovals(ctx context.Context, limit int) ([]Content, error)
	ForgetStorageRemovals(ctx context.Context, list []Content) error
	// HasStorageContent reports whether a file has a content, or whether it is among the removals.
	HasStorageContent(ctx context.Context, c Content) (bool, error)
}

// CheckStore reads what a check compares.
type CheckStore interface {
	// ListStorageIDs is in the order of the ids, after the given one.
	ListStorageIDs(ctx context.Context, after ID, limit int) ([]ID, error)
	GetStorage(ctx context.Context, id ID) (Storage, error)
	GetLibrary(ctx context.Context, id library.ID) (library.Library, error)
	GetStorageFile(ctx context.Context, id ID, p Path) (File, error)
	GetStorageContent(ctx context.Context, file string) ([]byte, error)
	// ListAllStorageFiles lists all files of a storage, wherever they claim to be, as ListStorageFiles does.
	ListAllStorageFiles(ctx context.Context, id ID, after File, limit int) ([]File, error)
	// ListFilesOfNoStorage and ListContentsOfNoStorageFile list the ids of rows that belong to nothing.
	ListFilesOfNoStorage(ctx context.Context, after string, limit int) ([]string, error)
	ListContentsOfNoStorageFile(ctx context.Context, after string, limit int) ([]string, error)
}

package storage

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/carrelhq/carrel/internal/library"
)

// A storage and each of its files have a MAC under the master keyring, so that whoever keeps the database cannot give a
// storage to another person, nor pass off one file as another. The files of a storage are numbered, and its own MAC
// covers the sum of the numbers of those that are there: an earlier file that is put back in place of a newer one, or a
// file that is taken away, shows in a check. So a file that is not what was stored is neither replaced nor deleted, but
// with the whole storage: its number and its size would be taken from what the storage holds, and could hide another.

// Parts are the parts of the binding of a storage.
func (s Storage) Parts() [][]byte {
	return [][]byte{[]byte(s.ID), []byte(s.Application), []byte(s.Library), number(s.CreatedAt.UnixMilli()),
		number(s.ChangedAt.UnixMilli()), number(expiry(s)), number(s.Files), number(s.Bytes), number(s.Version),
		number(s.VersionSum)}
}

func expiry(s Storage) int64 {
	if s.ExpiresAt.IsZero() {
		return 0
	}
	return s.ExpiresAt.UnixMilli()
}

// Parts are the parts of the binding of a file.
func (f File) Parts() [][]byte {
	return [][]byte{[]byte(f.Storage), []byte(f.ID), []byte(f.Folder), []byte(f.Name), []byte(f.OriginalFolder),
		[]byte(f.OriginalName), number(f.Size), f.SHA256, number(f.CreatedAt.UnixMilli()), number(f.Version)}
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// Tampered returns the error of a storage that is not what this server has stored.
func (s Storage) Tampered() error {
	return &library.TamperedError{Library: s.Library, What: "storage " + string(s.ID) + " is not what was stored"}
}

// TamperedFile returns the error of a file of the storage that is not what this server has put there.
func (s Storage) TamperedFile(file string) *library.TamperedError {
	return &library.TamperedError{Library: s.Library,
		What: fmt.Sprintf("file %s of storage %s is not what was stored", file, s.ID)}
}

// verify returns a [*library.TamperedError] unless a storage is what this server has stored.
func (s *Storages) verify(ctx context.Context, of Storage) error {
	if s.integrity.IsRowBound(of.Binding, library.BoundStorage, of.Parts()...) {
		return nil
	}
	return s.integrity.RecordTampering(ctx, of.Tampered())
}

// verifyFile returns a [*library.TamperedError] unless a file is one that this server has put into the storage.
func (s *Storages) verifyFile(ctx context.Context, of Storage, f File) error {
	if f.Storage == of.ID && s.integrity.IsRowBound(f.Binding, library.BoundStorageFile, f.Parts()...) {
		return nil
	}
	return s.integrity.RecordTampering(ctx, of.TamperedFile(f.ID))
}

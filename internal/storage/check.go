package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Contents says which large contents are those of storages, for the sweep and the check of all contents.
type Contents struct{ Store RemovalStore }

// Owns implements [library.ContentOwner].
func (c Contents) Owns(key string) bool {
	_, ok := ParseKey(key)
	return ok
}

// HasContent implements [library.ContentOwner].
func (c Contents) HasContent(ctx context.Context, key string) (bool, error) {
	content, _ := ParseKey(key)
	return c.Store.HasStorageContent(ctx, content)
}

// Checker compares what is stored of storages with what this server has written. A server may run beside it.
type Checker struct {
	Store CheckStore
	Blobs library.Blobs
	Now   func() time.Time
	// AllContents reads large contents as well; otherwise only their lengths are compared.
	AllContents bool
	// Integrity compares the bindings; nil if a server has not made them yet.
	Integrity *library.Integrity
}

// Check calls report with each fault.
func (c *Checker) Check(ctx context.Context, report func(fault string)) error {
	err := library.EachID(ctx, c.Store.ListStorageIDs, func(id ID) error { return c.checkStorage(ctx, id, report) })
	if err != nil {
		return err
	}
	err = library.EachID(ctx, c.Store.ListFilesOfNoStorage, func(id string) error {
		report("storage file " + id + ": there is no such storage")
		return nil
	})
	if err != nil {
		return err
	}
	return library.EachID(ctx, c.Store.ListContentsOfNoStorageFile, func(id string) error {
		report("content of storage file " + id + ": there is no such file")
		return nil
	})
}

// checkPage is how many ids are read at a time.
const checkPage = 500

// checkStorage compares a storage with its files. What has changed meanwhile is no fault.
func (c *Checker) checkStorage(ctx context.Context, id ID, report func(string)) error {
	before, err := c.Store.GetStorage(ctx, id)
	if errors.Is(err, library.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get storage: %w", err)
	}
	if before.Library != "" {
		_, err := c.Store.GetLibrary(ctx, before.Library)
		if errors.Is(err, library.ErrNotFound) {
			report("storage " + string(id) + ": there is no such library")
		}
	}
	var faults []string
	if !c.isBound(before.Binding, library.BoundStorage, before.Parts()) {
		faults = append(faults, "its row is not what this server has stored")
	}
	var sum library.Used
	versions := int64(0)
	for after, more := (File{}), true; more; {
		files, err := c.Store.ListAllStorageFiles(ctx, id, after, checkPage)
		if err != nil {
			return fmt.Errorf("list files of storage: %w", err)
		}
		for _, f := range files {
			sum.Files++
			sum.Bytes += f.Size
			versions += f.Version
			fault, err := c.checkFile(ctx, f)
			if err != nil {
				return err
			}
			if fault != "" {
				faults = append(faults, "file "+f.ID+": "+fault)
			}
			after = f
		}
		more = len(files) == checkPage
	}
	switch {
	case sum != before.Used:
		faults = append(faults, fmt.Sprintf("it is said to hold %d files with %d bytes, and holds %d with %d",
			before.Files, before.Bytes, sum.Files, sum.Bytes))
	case versions != before.VersionSum:
		faults = append(faults, "its files are not those that were put there last")
	}
	if len(faults) == 0 {
		return nil
	}
	after, err := c.Store.GetStorage(ctx, id)
	if errors.Is(err, library.ErrNotFound) || err == nil && !after.ChangedAt.Equal(before.ChangedAt) {
		return nil
	}
	for _, f := range faults {
		report("storage " + string(id) + ": " + f)
	}
	return err
}

// checkFile returns what is wrong with a file; empty if nothing is.
func (c *Checker) checkFile(ctx context.Context, file File) (fault string, err error) {
	if p, err := pathOf(file); err != nil || p != file.Path {
		return "its path is none that this server stores", nil
	}
	if !c.isBound(file.Binding, library.BoundStorageFile, file.Parts()) {
		return "its row is not what this server has stored", nil
	}
	content, err := c.Store.GetStorageContent(ctx, file.ID)
	if err == nil {
		sum := sha256.Sum256(content)
		return compare(file, int64(len(content)), sum[:]), nil
	}
	if !errors.Is(err, library.ErrNotFound) {
		return "", fmt.Errorf("get content: %w", err)
	}
	if !wire.ValidName(file.ID) {
		return "its content is gone", nil
	}
	blob, err := c.Blobs.Open(ctx, file.content().Key())
	if errors.Is(err, library.ErrNotFound) {
		return "its content is gone", nil
	}
	if err != nil {
		return "its content does not open: " + err.Error(), nil
	}
	defer func() { _ = blob.Close() }() // it was only read
	if seeker, ok := blob.(io.Seeker); ok && !c.AllContents {
		size, err := seeker.Seek(0, io.SeekEnd)
		if err != nil {
			return "its content does not read: " + err.Error(), nil
		}
		return compare(file, size, nil), nil
	}
	sum := sha256.New()
	size, err := io.Copy(sum, blob)
	if err != nil {
		return "its content does not read: " + err.Error(), nil
	}
	return compare(file, size, sum.Sum(nil)), nil
}

func (c *Checker) isBound(binding []byte, kind library.BoundKind, parts [][]byte) bool {
	return c.Integrity == nil || c.Integrity.IsRowBound(binding, kind, parts...)
}

// pathOf returns the path of a file as the server would store it.
func pathOf(f File) (Path, error) {
	return ParsePath(append(splitFolder(f.OriginalFolder), f.OriginalName), false)
}

// compare compares a content with what is known about it. The hash is nil if it was not read.
func compare(file File, size int64, sum []byte) string {
	switch {
	case size != file.Size:
		return fmt.Sprintf("its content has %d bytes, not %d", size, file.Size)
	case sum != nil && !bytes.Equal(sum, file.SHA256):
		return "its content is not the one that arrived"
	}
	return ""
}

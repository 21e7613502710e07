package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// File is a file of a storage, without its content. It never changes: another content at the same path is another
// file.
type File struct {
	// ID is also the name of its content.
	ID      string
	Storage ID
	Path
	Size int64
	// SHA256 is the hash of the content.
	SHA256    []byte
	CreatedAt time.Time
	// Version is that of the storage since the file is there.
	Version int64
	// Binding is the MAC of all that under the master keyring. The store makes it, and the version.
	Binding []byte
}

// contentPrefix is what the folder of a storage's contents begins with. No library has an id with a hyphen.
const contentPrefix = "storage-"

// ParseKey returns the content that a key of a blob names; false if it is none of a storage.
func ParseKey(key string) (Content, bool) {
	rest, ok := strings.CutPrefix(key, contentPrefix)
	storage, file, isKey := strings.Cut(rest, "/")
	return Content{ID(storage), file}, ok && isKey
}

// Key returns the key of the blob of a content.
func (c Content) Key() string { return contentPrefix + string(c.Storage) + "/" + c.File }

func (f File) content() Content { return Content{f.Storage, f.ID} }

// Upload stores a file, in place of the one at the same path. Once it has returned nil, it survives a crash of the
// machine; until then, the earlier file is there. Announced is the size that the sender has announced; negative if it
// has announced none. It returns a [*library.Refusal], a [*library.QuotaError], a [*library.BodyError] if the content
// broke off, or an error that matches library.ErrStorageFull if a disk is full.
func (s *Storages) Upload(ctx context.Context, of Storage, p Path, content io.Reader, announced int64) (File, error) {
	if p.IsFolder() {
		return File{}, library.InvalidParameter("the path has no name of a file")
	}
	if err := s.config.checkSpace(); err != nil {
		return File{}, err
	}
	now := s.now()
	file := File{ID: library.NewOrderedID(now), Storage: of.ID, Path: p, CreatedAt: now}
	room, err := s.room(ctx, of, p)
	if err == nil && announced >= 0 {
		err = room.check(announced)
	}
	if err != nil {
		return File{}, err
	}
	body := &boundedBody{body: content, room: room, space: s.config.checkSpace}
	buffer := s.buffers.Get().(*[library.InlineLimit + 1]byte)
	defer s.buffers.Put(buffer)
	sum := sha256.New()
	in := io.TeeReader(body, sum)
	n, err := library.FillBuffer(in, buffer[:])
	added := NewFile{}
	switch {
	case errors.Is(err, io.EOF):
		added.Content = append([]byte{}, buffer[:n]...)
	case err == nil:
		_, err = s.blobs.Put(ctx, file.content().Key(), io.MultiReader(bytes.NewReader(buffer[:n]), in))
		if err == nil {
			break
		}
		fallthrough
	default:
		if body.err != nil {
			return File{}, body.err
		}
		return File{}, fmt.Errorf("store content: %w", err)
	}
	file.Size, file.SHA256 = body.size, sum.Sum(nil)
	added.File = file
	if err := s.store.PutStorageFile(ctx, added, s.config.Quota); err != nil {
		if added.Content == nil && !errors.Is(err, library.ErrOutcomeUnknown) { // then the file may be there
			// If this fails, library.Sweeping.SweepBlobs removes the content later.
			_ = s.blobs.Delete(context.WithoutCancel(ctx), file.content().Key())
		}
		if errors.Is(err, library.ErrNotFound) { // deleted or stopped while the content arrived
			return File{}, unknown(err)
		}
		return File{}, fmt.Errorf("put file: %w", s.integrity.RecordTampering(ctx, err))
	}
	return file, nil
}

// room is how large a file may be.
type room struct {
	maxFile int64 // 0 for no limit
	quota   library.Quota
	used    library.Used
	// shared says that used is that of all storages of the application that no person has allowed.
	shared bool
	// free is what the quota leaves, with the file that is replaced.
	free int64
}

// room returns how large a file at a path may be, as far as that can be said before it arrives: the store decides.
func (s *Storages) room(ctx context.Context, of Storage, p Path) (room, error) {
	r := room{maxFile: s.config.MaxFileSize, quota: s.config.Quota, used: of.Used, free: math.MaxInt64}
	replaced, err := s.store.GetStorageFile(ctx, of.ID, p)
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return room{}, fmt.Errorf("get file: %w", err)
	}
	if r.shared = of.Library == ""; r.shared {
		if r.used, err = s.store.SumStoragesOfNobody(ctx, of.Application); err != nil {
			return room{}, fmt.Errorf("sum storages of nobody: %w", err)
		}
	}
	if r.quota.Bytes > 0 {
		r.free = max(r.quota.Bytes-r.used.Bytes, 0) + replaced.Size
	}
	then := r.used
	if replaced.ID == "" {
		then.Files++
	}
	return r, CheckQuota(r.quota, r.used, then, r.shared)
}

// check refuses a file of a size.
func (r room) check(size int64) error {
	switch {
	case r.maxFile > 0 && size > r.maxFile:
		return library.TooLarge(r.maxFile)
	case size > r.free:
		return &library.QuotaError{Kind: library.StorageQuota, Quota: r.quota, Used: r.used, InBytes: true, Size: size,
			Shared: r.shared}
	}
	return nil
}

// boundedBody counts a body as it is read, and fails beyond its room. It remembers why, which a blob store may hide.
type boundedBody struct {
	body  io.Reader
	room  room
	space func() error // of the disks
	size  int64
	err   error
}

// spaceStep is after how many bytes the space of the disks is looked at again.
const spaceStep = 1 << 20

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	before := b.size
	b.size += int64(n)
	refused := b.room.check(b.size)
	if refused == nil && before/spaceStep != b.size/spaceStep {
		refused = b.space()
	}
	if refused != nil {
		b.err = refused
		return 0, refused
	}
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = &library.BodyError{Err: err}
	}
	return n, err
}

// Download returns a file with its content, which the caller closes. Reading fails before the last bytes if the
// content is not the one that was stored. It refuses with RefusedUnknown if there is no file, and returns a
// [*library.TamperedError] for one that this server has not put there.
func (s *Storages) Download(ctx context.Context, of Storage, p Path) (File, io.ReadCloser, error) {
	if p.IsFolder() {
		return File{}, nil, library.Unknown("File")
	}
	var missing string
	for {
		file, err := s.store.GetStorageFile(ctx, of.ID, p)
		if errors.Is(err, library.ErrNotFound) {
			return File{}, nil, library.Unknown("File").Because(err)
		}
		if err != nil {
			return File{}, nil, fmt.Errorf("get file: %w", err)
		}
		if err := s.verifyFile(ctx, of, file); err != nil {
			return File{}, nil, err
		}
		content, err := s.open(ctx, file)
		if errors.Is(err, library.ErrNotFound) && file.ID != missing {
			missing = file.ID // another may have replaced it between the two
			continue
		}
		if err != nil {
			return File{}, nil, fmt.Errorf("open file %s of a storage: %w", file.ID, hideNotFound(err))
		}
		return file, verify(file, content), nil
	}
}

// errContentGone says that a file has lost its content, which is a fault of the server.
var errContentGone = errors.New("its content is gone")

func hideNotFound(err error) error {
	if errors.Is(err, library.ErrNotFound) {
		return errContentGone
	}
	return err
}

func (s *Storages) open(ctx context.Context, file File) (io.ReadCloser, error) {
	content, err := s.store.GetStorageContent(ctx, file.ID)
	if err == nil {
		return io.NopCloser(bytes.NewReader(content)), nil
	}
	if !errors.Is(err, library.ErrNotFound) {
		return nil, fmt.Errorf("get content: %w", err)
	}
	return s.blobs.Open(ctx, file.content().Key())
}

// verifiedContent compares the content with its hash, before it returns the last bytes.
type verifiedContent struct {
	io.ReadCloser
	file File
	left int64
	sum  hash.Hash
}

func verify(file File, content io.ReadCloser) io.ReadCloser {
	return &verifiedContent{content, file, file.Size, sha256.New()}
}

// errOtherContent says that a content is not the one that was stored.
var errOtherContent = errors.New("the content is not the one that was stored")

func (v *verifiedContent) Read(p []byte) (int, error) {
	if v.left == 0 && v.file.Size > 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > v.left {
		p = p[:v.left]
	}
	n, err := v.ReadCloser.Read(p)
	v.sum.Write(p[:n])
	v.left -= int64(n)
	switch {
	case v.left == 0 && !bytes.Equal(v.sum.Sum(nil), v.file.SHA256):
		return 0, errOtherContent
	case v.left == 0:
		return n, io.EOF
	case errors.Is(err, io.EOF):
		return 0, errOtherContent // it is too short
	}
	return n, err
}

// listPage is how many files are read at a time.
const listPage = 500

// List calls visit with each file of a folder, and with those of the folders in it if recursive is set. It returns a
// [*library.TamperedError] at a file that this server has not put there.
func (s *Storages) List(ctx context.Context, of Storage, p Path, recursive bool, visit func(File) error) error {
	var after File
	for {
		files, err := s.store.ListStorageFiles(ctx, of.ID, p, recursive, after, listPage)
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		for _, f := range files {
			if err := s.verifyFile(ctx, of, f); err != nil {
				return err
			}
			if err := visit(f); err != nil {
				return err
			}
		}
		if len(files) < listPage {
			return nil
		}
		after = files[len(files)-1]
	}
}

// Delete deletes a file or, with all that is in it, a folder. A path without a slash at its end may mean either: it is
// the file if there is one. Delete refuses with RefusedUnknown if there is neither.
func (s *Storages) Delete(ctx context.Context, of Storage, client library.Client, p Path) error {
	what := "Folder"
	if !p.IsFolder() {
		what = "File"
		err := s.store.DeleteStorageFile(ctx, of.ID, p, s.now())
		if !errors.Is(err, library.ErrNotFound) {
			return s.wrapDelete(ctx, err)
		}
		p = p.AsFolder()
	}
	event := library.Event{}
	if p.Folder == Root.Folder {
		event = library.Event{Library: of.Library, At: s.now(), Kind: library.EventStorageDeletedByApp,
			Details: client.EventDetails()}
	}
	err := s.store.DeleteStorageFolder(ctx, of.ID, p, s.now(), event)
	if errors.Is(err, library.ErrNotFound) {
		return library.Unknown(what).Because(err)
	}
	return s.wrapDelete(ctx, err)
}

func (s *Storages) wrapDelete(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("delete files: %w", s.integrity.RecordTampering(ctx, err))
}

package library

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// ContentFormat says how a file's content is sealed; see docs/file-format.md.
type ContentFormat int

// The formats of sealed content.
const (
	// FormatInlineByID and FormatStreamByID are the formats of files that were written before keys
	// were bound to metadata. They are like the others, but bound to the file's id alone.
	FormatInlineByID ContentFormat = 1
	FormatStreamByID ContentFormat = 2
	// FormatInline is one AES-256-GCM message, stored with the metadata and bound to it.
	FormatInline ContentFormat = 3
	// FormatStream is a stream of AES-256-GCM packages (DARE 2.0) in a blob. Its key is bound to
	// the metadata.
	FormatStream ContentFormat = 4
	// FormatInlineEpoch is like FormatInline, with a key that derives from an epoch: see [Epoch].
	FormatInlineEpoch ContentFormat = 5
)

// isBound reports whether the content is bound to the metadata.
func (c ContentFormat) isBound() bool {
	return c == FormatInline || c == FormatStream || c == FormatInlineEpoch
}

// binding returns what the key and the content of a file of the format are bound to.
func (c ContentFormat) binding(f File) seal.FileBinding {
	if c.isBound() {
		return seal.BoundToMetadata(string(f.ID), f.metadataHash())
	}
	return seal.BoundToID(string(f.ID))
}

// File is a file in a library, without its content.
type File struct {
	ID      wire.FileName
	Library ID
	// Application and Contract have pushed the file; empty for one that the person has added.
	Application wire.ApplicationID
	Contract    wire.ContractID
	// Metadata is what a reader gets: what the application said when it pushed the file, and
	// what the server adds.
	Metadata wire.RawMetadata
	// MetadataJSON is the text of Metadata as it is stored: see [EncodeMetadata].
	MetadataJSON string
	// Collected says where the file was fetched; nil for one that was pushed. It is part of MetadataJSON.
	Collected *Collected
	// Size is the number of bytes that were pushed.
	Size      int64
	CreatedAt time.Time
}

// Decoded returns the file with the Metadata of its MetadataJSON. Text that does not decode counts as no metadata:
// somebody else has changed the row, which keeps nobody from the rest of it.
func (f File) Decoded() File {
	if f.IsCollected() {
		var c collectedMetadata
		if json.Unmarshal([]byte(f.MetadataJSON), &c) != nil || c.Collected == nil {
			c = collectedMetadata{Collected: &Collected{}}
		}
		f.Metadata, f.Collected = c.Raw, c.Collected
		return f
	}
	var m wire.RawMetadata
	if json.Unmarshal([]byte(f.MetadataJSON), &m) != nil {
		m = wire.RawMetadata{}
	}
	f.Metadata = m
	return f
}

// shown returns a text as the person sees it, without characters that are not printable.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if isNotShown(r) {
			return -1
		}
		return r
	}, text)
}

func isNotShown(r rune) bool { return !unicode.IsPrint(r) }

// Name returns what the person sees as the file's name: its first reference, without characters
// that are not printable; empty if there is none.
func (f File) Name() string {
	if len(f.Metadata.Reference) == 0 {
		return ""
	}
	name := shown(f.Metadata.Reference[0])
	if runes := []rune(name); len(runes) > 200 {
		name = string(runes[:200]) + "…"
	}
	return name
}

// Content is a file's content as it is stored.
type Content struct {
	Format ContentFormat
	// Key is the file's key, sealed to the library; or the id of an epoch and a salt, of FormatInlineEpoch.
	Key seal.Sealed
	// Inline is the sealed content that is not in a blob.
	Inline []byte
}

// FileStore stores files: their metadata, and their content if it is small.
type FileStore interface {
	UsageStore
	CollectedStore
	// AddFile adds a file, its content and its event, counts it in the usage, marks the grant as used at the
	// event's time unless it was used within the minute before, and uses the nonce up, if one is given.
	// It returns ErrReplayed if the nonce was used before, ErrNotFound if the grant has been
	// revoked, the token has ended, or the library was shut or deleted, ErrExists if the id is taken, and a
	// [*QuotaError] if the library would have more than the quota allows.
	AddFile(ctx context.Context, a NewFile) error
	// AddImported adds a file that the person who is signed in with a login has added, its content and its event, and
	// counts it in the usage. It returns ErrNotFound if the login has ended, or the library was shut or deleted,
	// ErrExists if the id is taken, and a [*QuotaError] as AddFile does.
	AddImported(ctx context.Context, a NewFile, by LoginID) error
	// GetFile and GetContent return what AddFile was given, with the same MetadataJSON byte by byte, and
	// ErrNotFound for a file of another library.
	GetFile(ctx context.Context, library ID, id wire.FileName) (File, error)
	GetContent(ctx context.Context, library ID, id wire.FileName) (Content, error)
	// GetEncapsulation returns that of an epoch of the library.
	GetEncapsulation(ctx context.Context, library ID, id seal.EpochID) ([]byte, error)
	// ListFiles returns up to limit files of a list, after the cursor. Their Metadata is not decoded, which
	// takes longer than to read them: see [File.Decoded]. The time that it takes depends on the limit, and neither on
	// how many files the library has nor on who pushed them.
	ListFiles(ctx context.Context, library ID, after FileCursor, limit int) ([]File, error)
	// CountFiles returns how many files the library has.
	CountFiles(ctx context.Context, library ID) (int, error)
	// ListPushers returns the applications that have pushed files to the library, in the order of their creation and
	// then their id. The time that it takes does not depend on how many files that are.
	ListPushers(ctx context.Context, library ID) ([]Application, error)
	// AddRead adds the event of a read, marks the grant as used as AddFile does, and uses the
	// nonce up, if one is given. It returns ErrReplayed and ErrNotFound as AddFile does.
	AddRead(ctx context.Context, n *Nonce, grant GrantID, e Event) error
	// HasFile reports whether the library has a file of that id.
	HasFile(ctx context.Context, library ID, id wire.FileName) (bool, error)
}

// NewFile is a file to add; see [FileStore.AddFile].
type NewFile struct {
	File    File
	Content Content
	Grant   GrantID
	// Token is the access token that the file is pushed with; zero for none.
	Token seal.Hash
	Nonce *Nonce
	Event Event
	// Epoch is the one that the file is sealed in, which may be there already; nil for none.
	Epoch *Epoch
	// Quota is that of the library.
	Quota Quota
}

// FileCursor is a position in a library's list of files, which is ordered by CreatedAt and then
// ID. The zero cursor is the beginning of the list, oldest first.
type FileCursor struct {
	CreatedAt time.Time
	ID        wire.FileName
	// NewestFirst reverses the order.
	NewestFirst bool
	// Application restricts the list to the files that it has pushed; empty for all.
	Application wire.ApplicationID
}

// at returns the cursor at a file of the same list.
func (c FileCursor) at(f File) FileCursor {
	c.CreatedAt, c.ID = f.CreatedAt, f.ID
	return c
}

// InlineLimit is the largest size of content that is stored with its metadata, in the same
// transaction. Larger content goes to the blobs.
const InlineLimit = 64 << 10

// FileConfig bounds files.
type FileConfig struct {
	// MaxSize is the largest file that may be pushed, in bytes; 0 means no limit.
	MaxSize int64
	// Quotas bound what is stored.
	Quotas QuotaConfig
	// SealEach seals the key of each file by itself, and opens no epochs.
	SealEach bool
	// Space is asked before content is stored, and while it is; nil for disks that are never full.
	Space FreeSpace
	// Log gets a line when a quota refuses pushes; nil discards it.
	Log *slog.Logger
}

// FreeSpace knows the disks on which content is stored. It is asked often.
type FreeSpace interface {
	// Check returns an error that matches [ErrStorageFull] if a disk has no more space than is reserved for what is
	// not pushed.
	Check() error
}

// Files manages what is in libraries.
type Files struct {
	store    FileStore
	blobs    Blobs
	clients  *Clients
	accounts AccountStore
	events   EventStore
	now      func() time.Time
	config   FileConfig
	buffers  sync.Pool
	quotas   *quotaKeeper
	epochs   *epochs // nil if each file is sealed by itself

	searchBounds searchBounds
}

// NewFiles returns the files that are stored in store and blobs.
func NewFiles(
	store FileStore,
	blobs Blobs,
	clients *Clients,
	accounts AccountStore,
	events EventStore,
	now func() time.Time,
	config FileConfig,
) *Files {
	f := &Files{
		store:    store,
		blobs:    blobs,
		clients:  clients,
		accounts: accounts,
		events:   events,
		now:      now,
		config:   config,
		quotas:   newQuotaKeeper(store, now, config),
		buffers:  sync.Pool{New: func() any { return new([InlineLimit + 1]byte) }},

		searchBounds: defaultSearchBounds,
	}
	if !config.SealEach {
		f.epochs = &epochs{now: now}
	}
	return f
}

// walk calls visit with each file of a list, from the cursor on. Their Metadata is not decoded.
func (f *Files) walk(ctx context.Context, id ID, at FileCursor, visit func(File) error) error {
	for {
		files, err := f.store.ListFiles(ctx, id, at, listPage)
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		for _, file := range files {
			if err := visit(file); err != nil {
				return err
			}
		}
		if len(files) < listPage {
			return nil
		}
		at = at.at(files[len(files)-1])
	}
}

// NewOrderedID returns an id of 10 characters of time and 16 of randomness (80 bits). Ids sort
// by the time at which they were made, so that inserts stay at one end of an index.
func NewOrderedID(now time.Time) string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	var id [26]byte
	ms := uint64(now.UnixMilli())
	for i := 9; i >= 0; i-- {
		id[i] = digits[ms%32]
		ms /= 32
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails, by its documentation
	for i, b := range random {
		id[10+i] = digits[b%32]
	}
	return string(id[:])
}

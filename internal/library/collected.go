package library

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// Collected says where a file comes from that was fetched from a source of the person's. It is part of the stored
// metadata, for which the file's key is sealed.
type Collected struct {
	Account wire.AccountID `json:"account"`
	// Key identifies the file in the source. The same key is the same file.
	Key string `json:"key"`
	// Group, Service and ObjectType are the ids that a scope names. ObjectType is zero for a file that is not mapped.
	Group      int `json:"group"`
	Service    int `json:"service"`
	ObjectType int `json:"objectType,omitempty"`
	// From and To are the times of the oldest and the newest object. They are zero for what has no time, which is part
	// of every period.
	From wire.Millis `json:"from,omitempty"`
	To   wire.Millis `json:"to,omitempty"`
	// Mapped is what a reader of mapped objects gets; nil for a file that is not mapped.
	Mapped *wire.MappedMetadata `json:"mapped,omitempty"`
	// Origin is what the account was connected to, in the words of its source: an account that the person connects
	// later to the same has the same. It is empty if the source has no word for it. It is not part of the metadata.
	Origin string `json:"-"`
}

// collectedMetadata is the MetadataJSON of a file that was fetched.
type collectedMetadata struct {
	Collected *Collected       `json:"collected"`
	Raw       wire.RawMetadata `json:"raw"`
}

// collectedPrefix begins the MetadataJSON of files that were fetched, and of no others: the members of what is pushed
// are sorted, and the first of them is not after "accounts".
const collectedPrefix = `{"collected":`

// IsCollected reports whether the file was fetched from a source, and not pushed.
func (f File) IsCollected() bool { return strings.HasPrefix(f.MetadataJSON, collectedPrefix) }

// MaxCollectedSize is the largest file that is fetched. It is stored with its metadata, so that a newer version takes
// the place of an older one in one transaction.
const MaxCollectedSize = 4 << 20

// ErrItemTooLarge says that a source has a file that is larger than [MaxCollectedSize].
var ErrItemTooLarge = fmt.Errorf("file is larger than %d bytes", MaxCollectedSize)

// CollectedFile is a file as a fetch stores it.
type CollectedFile struct {
	File    File
	Content Content
	Grant   GrantID
	// Provider is the name of the source, for the record of what was collected when.
	Provider string
	// Fingerprint is a hash of the content, which the master keyring has sealed, and Binding a MAC of the file under
	// the keyring.
	Fingerprint, Binding []byte
	// IsNew says that the library has no such file yet. Otherwise this is a newer version of the one with its id.
	IsNew bool
	// Before is the version that this one replaces; the zero File if it is new.
	Before File
	Quota  Quota
}

// StoredCollected is what is stored of a fetched file beside the file.
type StoredCollected struct {
	File                 wire.FileName
	Fingerprint, Binding []byte
}

// CollectedCursor is a position in a list of fetched files, which is ordered by the time of the newest object and then
// by id. What has no time comes last.
type CollectedCursor struct {
	To time.Time
	ID wire.FileName
}

// CollectedFilter selects fetched files. The zero filter selects all.
type CollectedFilter struct {
	// Service and ObjectType select the files of one type, unless both are zero.
	Service, ObjectType int
	// Until leaves out what begins later; zero for no limit.
	Until time.Time
}

// CollectedStore reads what was fetched.
type CollectedStore interface {
	// FindCollected finds a fetched file by its key in the source. It returns ErrNotFound if there is none.
	FindCollected(ctx context.Context, id ID, account wire.AccountID, key string) (StoredCollected, error)
	// FindCollectedBefore finds a fetched file that one of the client's accounts at an origin has left, which has ended
	// since, by its key in the source. It returns ErrNotFound if there is none, and for an empty origin.
	FindCollectedBefore(
		ctx context.Context, id ID, client wire.ClientID, origin, key string,
	) (StoredCollected, error)
	// GetCollected returns what is stored beside a fetched file. It returns ErrNotFound for any other file.
	GetCollected(ctx context.Context, id ID, file wire.FileName) (StoredCollected, error)
	// ListCollected returns up to limit fetched files after the cursor, and the cursor at each. Their Metadata is not
	// decoded. With a type in the filter, the time that it takes depends on what it returns.
	ListCollected(
		ctx context.Context, id ID, filter CollectedFilter, after CollectedCursor, limit int,
	) ([]File, []CollectedCursor, error)
	// ListCollections returns up to limit collections of an application that began at or before until, after the
	// cursor. The time that it takes depends on the limit, and not on how much was collected.
	ListCollections(
		ctx context.Context, id ID, application wire.ApplicationID, after CollectionCursor, until time.Time, limit int,
	) ([]Collection, error)
}

// Collector seals what is fetched from sources to libraries. No secret of the person's is needed for that.
type Collector struct {
	files    *Files
	consents *Consents
}

// NewCollector returns a collector for the files of people who have consented.
func NewCollector(files *Files, consents *Consents) *Collector { return &Collector{files, consents} }

// CollectGrant is a grant that may be fetched for.
type CollectGrant struct {
	Grant   Grant
	Client  Client
	Library Library
}

// Grant returns the grant of that id, and its library. It returns ErrNotFound if it does not count, or if the library
// is shut or deleted, and a [*TamperedError] if either is not what this server has stored.
func (c *Collector) Grant(ctx context.Context, id GrantID) (CollectGrant, error) {
	grant, err := c.consents.store.GetGrant(ctx, id)
	if err != nil {
		return CollectGrant{}, fmt.Errorf("get grant: %w", err)
	}
	client, err := c.consents.clients.GetClientOfContract(ctx, grant.Contract)
	if err != nil {
		return CollectGrant{}, fmt.Errorf("get client of grant: %w", err)
	}
	if !client.Active(c.consents.now()) {
		return CollectGrant{}, fmt.Errorf("contract of grant %s is disabled or has expired: %w", id, ErrNotFound)
	}
	owner, err := c.consents.libraryOfGrant(ctx, grant, client.Contract)
	if err != nil {
		return CollectGrant{}, err
	}
	// Nobody presents a secret here that the library's public key is bound to.
	if err := c.consents.integrity.VerifyLibrary(ctx, owner); err != nil {
		return CollectGrant{}, err
	}
	return CollectGrant{Grant: grant, Client: client, Library: owner}, nil
}

// Seal reads an item's content and seals it to the library. It returns nil if the library has the same already, and
// ErrNotFound if the grant has ceased to count more than a second ago.
func (c *Collector) Seal(
	ctx context.Context, g CollectGrant, item Collected, raw wire.RawMetadata, content io.Reader,
) (*CollectedFile, error) {
	if err := c.files.checkSpace(); err != nil {
		return nil, err
	}
	if counts, err := c.consents.counts(ctx, g.Grant); err != nil {
		return nil, err
	} else if !counts {
		return nil, fmt.Errorf("grant %s does not count any more: %w", g.Grant.ID, ErrNotFound)
	}
	text, err := io.ReadAll(io.LimitReader(content, MaxCollectedSize+1))
	if err != nil {
		return nil, &BodyError{err}
	}
	if limit := c.files.config.MaxSize; len(text) > MaxCollectedSize || limit > 0 && int64(len(text)) > limit {
		return nil, ErrItemTooLarge
	}
	now := c.files.now()
	file := File{ID: wire.FileName(NewOrderedID(now)), Library: g.Library.ID, Application: g.Client.Application.ID,
		Contract: g.Client.Contract.ID, Size: int64(len(text)), CreatedAt: now.Truncate(time.Millisecond)}
	collected := &CollectedFile{Grant: g.Grant.ID, IsNew: true, Quota: c.files.config.Quotas.Library}
	before, err := c.findBefore(ctx, g, item)
	switch {
	case err == nil:
		file.ID, collected.IsNew = before.File, false
	case !errors.Is(err, ErrNotFound):
		return nil, fmt.Errorf("find earlier version: %w", err)
	}
	description, err := json.Marshal(item)
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	fingerprint := fingerprintOf(file, description, text)
	if !collected.IsNew {
		if c.isFingerprint(before, fingerprint) {
			return nil, nil
		}
		if collected.Before, err = c.files.store.GetFile(ctx, file.Library, file.ID); err != nil {
			return nil, fmt.Errorf("get earlier version: %w", err)
		}
		if !file.CreatedAt.After(collected.Before.CreatedAt) { // clients ask for what is newer than what they have
			file.CreatedAt = collected.Before.CreatedAt.Add(time.Millisecond)
		}
	}
	raw.ApplicationID, raw.ContractID = file.Application, file.Contract
	raw.PartnerID, raw.Created = g.Client.Application.PartnerID, wire.MillisOf(file.CreatedAt)
	if file.MetadataJSON, err = encodeMetadata(collectedMetadata{&item, raw}); err != nil {
		return nil, err
	}
	file = file.Decoded()
	file.Collected.Origin = item.Origin
	key := seal.NewFileKey()
	collected.Content.Format = FormatInline
	if collected.Content.Inline, err = key.SealContent(FormatInline.binding(file), text); err != nil {
		return nil, err
	}
	if collected.Content.Key, err = key.SealTo(g.Library.PublicKey, FormatInline.binding(file)); err != nil {
		return nil, fmt.Errorf("seal key of file: %w", err)
	}
	ring := c.consents.integrity.ring
	collected.File = file
	collected.Fingerprint = ring.Seal(FingerprintPurpose(file.ID), fingerprint)
	collected.Binding = ring.MAC(purposeCollected, CollectedParts(file, collected.Content.Inline)...)
	return collected, nil
}

// findBefore returns the earlier version of an item. It is the file that has come from the same account or, if there is
// none, the one that the same contract has fetched from the same origin through an account that has ended: a person who
// stops an application and then allows it again gets no file twice. Another contract's file is left as it is, since
// nothing is shared between contracts.
func (c *Collector) findBefore(ctx context.Context, g CollectGrant, item Collected) (StoredCollected, error) {
	before, err := c.files.store.FindCollected(ctx, g.Library.ID, item.Account, item.Key)
	if !errors.Is(err, ErrNotFound) {
		return before, err
	}
	return c.files.store.FindCollectedBefore(ctx, g.Library.ID, g.Client.ID(), item.Origin, item.Key)
}

// FingerprintPurpose is the purpose for which the master keyring seals the fingerprint of a fetched file.
func FingerprintPurpose(id wire.FileName) string { return "carrel fingerprint of file " + string(id) }

// fingerprintOf returns a hash of all that makes a version of a fetched file.
func fingerprintOf(f File, description, content []byte) []byte {
	sum := sha256.Sum256(content)
	text := appendPart(nil, f.Library)
	text = appendPart(text, f.ID)
	text = appendPart(text, description)
	text = append(text, sum[:]...)
	hash := sha256.Sum256(text)
	return hash[:]
}

// isFingerprint reports whether a file has a fingerprint. One that does not open has another: the file is stored anew.
func (c *Collector) isFingerprint(of StoredCollected, fingerprint []byte) bool {
	stored, err := c.consents.integrity.ring.Open(FingerprintPurpose(of.File), of.Fingerprint)
	return err == nil && bytes.Equal(stored, fingerprint)
}

// Reserve reserves the room that a file takes, until the caller says whether it was added. It returns a [*QuotaError]
// if the application or the contract has no room; the store refuses what the library has no room for.
func (c *Collector) Reserve(ctx context.Context, g CollectGrant, f *CollectedFile) (end func(added bool), err error) {
	more := Used{Files: 1, Bytes: f.File.Size}
	if !f.IsNew && f.Before.Application == f.File.Application && f.Before.Contract == f.File.Contract {
		more = Used{Bytes: f.File.Size - f.Before.Size}
	}
	room, err := c.files.quotas.beginChange(ctx, g.bearer(), more)
	if err != nil {
		return nil, err
	}
	return func(added bool) { room.end(added, more.Bytes) }, nil
}

// bearer returns who the file is counted for.
func (g CollectGrant) bearer() *Bearer {
	return &Bearer{Client: g.Client, Grant: g.Grant, Library: g.Library}
}

// CollectedParts are the parts of the binding of a fetched file.
func CollectedParts(f File, sealed []byte) [][]byte {
	metadata, ciphertext := f.metadataHash(), sha256.Sum256(sealed)
	return [][]byte{[]byte(f.Library), []byte(f.ID), metadata[:], ciphertext[:]}
}

// isCollectedBound reports whether a fetched file is the one that this server has stored.
func (i *Integrity) isCollectedBound(f File, sealed, binding []byte) bool {
	return i.ring.VerifyMAC(binding, purposeCollected, CollectedParts(f, sealed)...)
}

// AddEvent records in the activity how many files were fetched.
func (c *Collector) AddEvent(ctx context.Context, e Event) error {
	if err := c.consents.events.AddEvent(ctx, e); err != nil {
		return fmt.Errorf("record what was fetched: %w", err)
	}
	return nil
}

// RecordRefusal records that a quota has refused a file, as it does for a push.
func (c *Collector) RecordRefusal(ctx context.Context, g CollectGrant, full *QuotaError) {
	c.files.quotas.refused(ctx, g.bearer(), full)
}

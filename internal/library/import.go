package library

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carrelhq/carrel/digime/wire"
)

// ImportedFile is what a person says of a file that they add to their own library.
type ImportedFile struct {
	// Name is the name of the file, at most 255 bytes without control characters.
	Name string
	// MIMEType is the type of the content; empty if it is not known. A browser guesses it, so that nothing but its form
	// is checked.
	MIMEType string
	// Size is what the browser has announced; zero if it has announced nothing.
	Size int64
}

// The errors of a description that a person gives.
var (
	// ErrFileName says that the name of a file is empty, too long, or has control characters.
	ErrFileName = errors.New("not the name of a file")
	// ErrFileType says that the type of a file is not one of MIME.
	ErrFileType = errors.New("not a MIME type")
)

const (
	// maxFileName is the longest name in bytes, which is that of most file systems.
	maxFileName = 255
	// maxFileType is the longest type that RFC 4288 allows, with room for parameters.
	maxFileType = 255
	// unknownType is the type of a content of which nothing is known.
	unknownType = "application/octet-stream"
	// importedAccount is in the metadata of files that people add, which have to name an account. A reader gets the one
	// that the person has at its application: see [Files.describe].
	importedAccount = "imported"
)

// metadata returns the metadata of the file.
func (i ImportedFile) metadata(now time.Time) (wire.RawMetadata, error) {
	name := strings.TrimSpace(i.Name)
	if name == "" || len(name) > maxFileName || !utf8.ValidString(name) ||
		strings.ContainsFunc(name, unicode.IsControl) {
		return wire.RawMetadata{}, ErrFileName
	}
	kind := unknownType
	if i.MIMEType != "" {
		if _, _, err := mime.ParseMediaType(i.MIMEType); err != nil || len(i.MIMEType) > maxFileType ||
			!strings.Contains(i.MIMEType, "/") {
			return wire.RawMetadata{}, ErrFileType
		}
		kind = i.MIMEType
	}
	return wire.RawMetadata{MIMEType: kind, Reference: []string{name}, Created: wire.MillisOf(now),
		Accounts: []wire.DescriptorAccount{{AccountID: importedAccount}}}, nil
}

// IsImported reports whether the person has added the file, and no application.
func (f File) IsImported() bool { return f.Application == "" }

// Import adds a file of a person's own to their library. It is sealed as one that is pushed, and once Import has
// returned nil it survives a crash of the machine. Read contracts that may read what others have pushed may read it; to
// them it is of the account of type IMPORTED. Import returns ErrFileName, ErrFileType, a [*BodyError] if the content
// broke off, a [*Refusal] if it is too large, a [*QuotaError] if the library has no room, ErrNotFound if the login has
// ended or the library is shut, or an error that matches [ErrStorageFull] if a disk is full. Nothing is stored then.
func (f *Files) Import(ctx context.Context, s *SignedIn, i ImportedFile, content io.Reader) (File, error) {
	if f.config.MaxSize > 0 && i.Size > f.config.MaxSize {
		return File{}, TooLarge(f.config.MaxSize)
	}
	now := f.now()
	file := File{ID: wire.FileName(NewOrderedID(now)), Library: s.Library.ID, CreatedAt: now}
	var err error
	if file.Metadata, err = i.metadata(now); err != nil {
		return File{}, err
	}
	if file.MetadataJSON, err = EncodeMetadata(file.Metadata); err != nil {
		return File{}, err
	}
	if err := f.checkSpace(); err != nil {
		return File{}, err
	}
	added, err := f.receive(ctx, personSender{f, s}, file, content, max(i.Size, 0))
	var full *QuotaError
	if errors.As(err, &full) {
		f.quotas.noteFull(s.Library.ID, full)
	}
	return added, err
}

// personSender is a person who adds a file.
type personSender struct {
	files *Files
	in    *SignedIn
}

func (p personSender) owner() Library { return p.in.Library }

func (p personSender) reserve(ctx context.Context, size, reserve int64) (*roomReservation, error) {
	return p.files.quotas.begin(ctx, p.files.quotas.ofPerson(p.in.Library.ID), size, reserve)
}

func (personSender) begin(context.Context) error { return nil }

func (personSender) event() Event { return Event{Kind: EventFileImported} }

func (p personSender) add(ctx context.Context, n NewFile) error {
	if err := p.files.store.AddImported(ctx, n, p.in.Login.ID); err != nil {
		return fmt.Errorf("add file of the person: %w", err)
	}
	return nil
}

// serviceTypeImported is the service type of accounts that stand for what people add themselves.
const serviceTypeImported = 2

// importedAccountOf is the account that stands at an application for what the person has added. It has the words of the
// one that stands for the person, so that no other application can tell whose it is, and nothing has to be stored.
func importedAccountOf(a Account) (id wire.AccountID, reference AccountReference) {
	_, word, _ := strings.Cut(string(a.ID), "_")
	return wire.AccountID(fmt.Sprintf("%d_%s", serviceTypeImported, word)), a.Reference + "I"
}

// mayBeImported reports whether the scope has files that people add themselves.
func (s Scope) mayBeImported() bool {
	return s.Raw && !s.Own && (s.Filter == nil || len(s.Filter.AppID) == 0 && len(s.Filter.ContractID) == 0)
}

// importedAccounts returns the accounts of type IMPORTED that the bearer may know of: one for each account that stands
// for the person, once they have added a file that the contract may read.
func (c *Consents) importedAccounts(ctx context.Context, b *Bearer, of []Account) ([]wire.Account, error) {
	if b.Grant.Access != Read || !b.Client.Contract.Scope.mayBeImported() || len(of) == 0 {
		return nil, nil
	}
	first, last, err := c.store.GetImportTimes(ctx, b.Library.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for files of the person: %w", err)
	}
	list := make([]wire.Account, 0, len(of))
	for _, a := range of {
		id, reference := importedAccountOf(a)
		list = append(list, wire.Account{
			ID: id, Reference: string(reference), Type: wire.AccountTypeImported,
			CreatedDate: wire.MillisOf(first), UpdatedDate: wire.MillisOf(last),
			ServiceGroupID: 1, ServiceGroupName: "Library", ServiceTypeID: serviceTypeImported,
			ServiceTypeName: "Own files", ServiceTypeReference: "imported", SourceID: serviceTypeImported,
			AccessTokenStatus: &wire.AccessTokenStatus{Authorized: true, ExpiresAt: wire.MillisOf(b.Grant.ExpiresAt)},
		})
	}
	return list, nil
}

// describe returns a file as the session's application gets it: one that the person has added is of the account of type
// IMPORTED there.
func (f *Files) describe(ctx context.Context, r *ReadSession, file File) (File, error) {
	if !file.IsImported() {
		return file, nil
	}
	if r.imported == "" {
		account, err := f.accounts.GetUserAccount(ctx, r.Bearer.Library.ID, r.Bearer.Client.Application.ID)
		if err != nil {
			return File{}, fmt.Errorf("get account of the person: %w", err)
		}
		r.imported, _ = importedAccountOf(account)
	}
	file.Metadata.Accounts = []wire.DescriptorAccount{{AccountID: string(r.imported)}}
	return file, nil
}

package digime

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carrelhq/carrel/digime/wire"
)

// A Storage keeps files of the application for one person, such as their settings. The client encrypts them with a key
// of its own for each file, and that with the key of the contract, so that neither the server nor the person can open
// them. They can be read only through the contract that has written them: with another contract of the application the
// files are listed, and reading them returns [ErrWrongKey].
//
// A storage is made by [Contract.CreateStorage] and given to a person by the Storage of [AuthorizeOptions]. Then
// [User.GetStorage] finds it, or [Contract.Storage] if the application has kept its id. The calls need no token of the
// person, and work as long as a consent of theirs is in force; otherwise they return [ErrInsufficientScope].
//
// The path of a file consists of names with slashes between them, such as "letters/2026/Zoë 1.pdf". A slash at its
// beginning makes no difference, and neither do capital letters: "A.txt" and "a.txt" are one file. Folders exist while
// files are in them.
type Storage struct {
	contract *Contract
	id       StorageID
}

// CreateStorage makes a storage that belongs to nobody yet. Keep its id until the person has consented, and set it as
// the Storage of [AuthorizeOptions]. If no person consents, a Carrel deletes the storage and its files after a day.
func (k *Contract) CreateStorage(ctx context.Context) (*Storage, error) {
	var answer wire.Storage
	err := k.callJSON(ctx, call{method: http.MethodPost, path: literal("storage")}, &answer)
	if err == nil && answer.ID == "" {
		err = missing("storage id")
	}
	if err != nil {
		return nil, fmt.Errorf("create storage: %w", err)
	}
	return k.Storage(StorageID(answer.ID)), nil
}

// GetStorage finds the storage that the application has in the person's library. [ErrNotFound] says that it has none:
// the person has deleted it, or was never asked for one.
func (u *User) GetStorage(ctx context.Context) (*Storage, error) {
	var answer wire.Storage
	err := u.doJSON(ctx, call{method: http.MethodGet, path: literal("storage")}, &answer)
	if err == nil && answer.ID == "" {
		err = missing("storage id")
	}
	if err != nil {
		return nil, fmt.Errorf("get storage: %w", err)
	}
	return u.contract.Storage(StorageID(answer.ID)), nil
}

// Storage returns the storage with an id that the application has kept. It sends nothing.
func (k *Contract) Storage(id StorageID) *Storage { return &Storage{contract: k, id: id} }

// ID returns the id of the storage. Keep it as carefully as other data of the person.
func (s *Storage) ID() StorageID { return s.id }

// String returns the contract, and not the id, which is half of what it takes to reach the storage.
func (s *Storage) String() string {
	if s.contract == nil {
		return "storage of no contract"
	}
	return "storage of " + s.contract.String()
}

// Format prints String for every verb.
func (s *Storage) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// LogValue returns String.
func (s *Storage) LogValue() slog.Value { return slog.StringValue(s.String()) }

// StorageFile is a file in the list of a storage.
type StorageFile struct {
	// ID identifies the content: a file that is uploaded again has another.
	ID string
	// Path identifies the file in the storage, in lower case: pass it to [Storage.OpenFile] and [Storage.DeleteFile].
	Path string
	// Name is the name as it was uploaded, with its capital letters.
	Name string
	// Folder is the path of the folder as it was uploaded, with a slash at both ends; "/" for none.
	Folder string
}

// StorageListOptions say which files [Storage.ListFiles] returns. By default these are the files outside all folders.
type StorageListOptions struct {
	// Folder is the path of a folder.
	Folder string
	// Recursive also lists the files in the folders within it.
	Recursive bool
}

// ListFiles returns files of the storage. The list of a folder that does not exist is empty.
func (s *Storage) ListFiles(ctx context.Context, o StorageListOptions) ([]StorageFile, error) {
	var answer struct {
		Files *[]wire.StorageEntry `json:"files"`
	}
	cl, err := s.folderCall(http.MethodGet, o.Folder)
	if err == nil {
		cl.path.path += fmt.Sprintf("?recursive=%t", o.Recursive)
		err = s.contract.send(ctx, cl, jsonResponse{&answer, maxList}.read)
	}
	if err == nil && answer.Files == nil {
		err = missing("list of files")
	}
	if err != nil {
		return nil, fmt.Errorf("list storage: %w", err)
	}
	application := "/apps/" + string(s.contract.client.application)
	return mapAll(*answer.Files, func(w wire.StorageEntry) StorageFile {
		return StorageFile{
			ID:     w.ID,
			Path:   strings.TrimPrefix(afterApplication(w.Path, strings.ToLower(application)), "/") + w.Name,
			Name:   w.OriginalName,
			Folder: afterApplication(w.OriginalPath, application),
		}
	}), nil
}

// afterApplication returns the part of a listed path that belongs to the application.
func afterApplication(path, application string) string {
	if _, own, ok := strings.Cut(path, application); ok {
		return own
	}
	return path
}

// DeleteFile deletes a file. If there is none with this path, but a folder, a Carrel deletes the folder with all that
// is in it, as the protocol has it. [ErrNotFound] says that there is neither.
func (s *Storage) DeleteFile(ctx context.Context, path string) error {
	cl, err := s.fileCall(http.MethodDelete, path)
	if err == nil {
		err = s.contract.send(ctx, cl, readAcknowledgement)
	}
	if err != nil {
		return fmt.Errorf("delete file of storage: %w", err)
	}
	return nil
}

// DeleteFolder deletes a folder with all that is in it; "/" stands for all files of the storage. [ErrNotFound] says
// that there is no such folder.
func (s *Storage) DeleteFolder(ctx context.Context, folder string) error {
	cl, err := s.folderCall(http.MethodDelete, folder)
	if err == nil && folder == "" {
		err = invalid("no folder: give \"/\" for all files of the storage")
	}
	if err == nil {
		err = s.contract.send(ctx, cl, readAcknowledgement)
	}
	if err != nil {
		return fmt.Errorf("delete folder of storage: %w", err)
	}
	return nil
}

// The patterns of the calls of a storage.
const (
	storageFilePattern   = "clouds/{storage}/files/apps/{application}/{file}"
	storageFolderPattern = "clouds/{storage}/files/apps/{application}/{folder}/"
)

func (s *Storage) fileCall(method, path string) (call, error) {
	escaped, err := escapePath(path)
	switch {
	case err != nil:
		return call{}, err
	case escaped == "" || strings.HasSuffix(path, "/"):
		return call{}, invalid("path %q is not that of a file", path)
	}
	return s.call(method, storageFilePattern, escaped)
}

func (s *Storage) folderCall(method, folder string) (call, error) {
	escaped, err := escapePath(folder)
	if err != nil {
		return call{}, err
	}
	if escaped != "" {
		escaped += "/"
	}
	return s.call(method, storageFolderPattern, escaped)
}

func (s *Storage) call(method, pattern, escaped string) (call, error) {
	if s.contract == nil || s.contract.client == nil {
		return call{}, invalid("no contract: see Client.ParseContract")
	}
	if !wire.ValidName(string(s.id)) {
		return call{}, invalid("storage id %q is not one of the protocol", s.id)
	}
	path := "clouds/" + string(s.id) + "/files/apps/" + string(s.contract.client.application) + "/" + escaped
	return call{method: method, cloud: true, path: route{pattern, path}, secrets: []string{string(s.id)}}, nil
}

// escapePath returns the path for a URL, without a slash at either end. What no storage could keep is refused here,
// since a proxy may change a path such as "a/../b".
func escapePath(path string) (string, error) {
	if !utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl) {
		return "", invalid("path %q is not text, or has a control character", path)
	}
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		switch name {
		case "":
		case ".", "..":
			return "", invalid("path %q has the name %q", path, name)
		default:
			names = append(names, url.PathEscape(name))
		}
	}
	return strings.Join(names, "/"), nil
}

package digimetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// cloudBase is the path of the file storage.
const cloudBase = "/cloud/v1/"

func isCloud(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, cloudBase) }

// A storage has files by their path in lower case, without a slash at its beginning.
type storage struct {
	files map[string]storedFile
}

// A storedFile is a file as it was uploaded.
type storedFile struct {
	id, path  string
	contract  Contract
	encrypted []byte
	updated   time.Time
}

// AddStorage gives the person a storage, as if they had consented to it, and returns its id. It takes the place of an
// earlier one.
func (l *Library) AddStorage() digime.StorageID {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = l.addStorage()
	return l.current
}

func (l *Library) addStorage() digime.StorageID {
	id := digime.StorageID(wire.RandomAlphanumeric(32))
	l.storages[id] = &storage{files: map[string]storedFile{}}
	return id
}

// StorageFile is a file in a storage.
type StorageFile struct {
	// Path is the path as it was uploaded, without a slash at its beginning.
	Path string
	// Contract is the contract that has uploaded it, whose key decrypts it.
	Contract Contract
	// Encrypted is what was uploaded.
	Encrypted []byte
	// Content is the decrypted content; nil if it cannot be decrypted.
	Content []byte
}

// StorageFiles returns the files of a storage, by path. It is empty for an unknown storage.
func (l *Library) StorageFiles(id digime.StorageID) []StorageFile {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []StorageFile
	if s := l.storages[id]; s != nil {
		for _, f := range s.files {
			out = append(out, StorageFile{
				Path: f.path, Contract: f.contract, Encrypted: f.encrypted, Content: decrypt(f),
			})
		}
	}
	slices.SortFunc(out, func(a, b StorageFile) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func decrypt(f storedFile) []byte {
	key, err := wire.ParsePrivateKey(f.contract.PrivateKey)
	if err != nil {
		return nil
	}
	content, err := io.ReadAll(wire.OpenEnvelope(key, bytes.NewReader(f.encrypted)))
	if err != nil {
		return nil
	}
	return content
}

func (l *Library) storageHandle(id digime.StorageID) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.storages[id] == nil {
		return "", false
	}
	handle := wire.RandomAlphanumeric(32)
	l.handles[handle] = id
	return handle, true
}

// allowStorage gives the person the storage with a handle, unless they have one.
func (l *Library) allowStorage(handle string) error {
	id, ok := l.handles[handle]
	switch {
	case handle == "":
		return nil
	case !ok:
		return errors.New("the storage of this link is unknown")
	case l.current == "":
		l.current = id
	}
	return nil
}

func (l *Library) createStorage(w http.ResponseWriter, _ *http.Request, c caller) error {
	l.mu.Lock()
	id := l.addStorage()
	l.mu.Unlock()
	return l.writeStorage(w, http.StatusCreated, id, c)
}

func (l *Library) userStorage(w http.ResponseWriter, _ *http.Request, c caller) error {
	l.mu.Lock()
	id := l.current
	l.mu.Unlock()
	if id == "" {
		return notFound("Storage")
	}
	return l.writeStorage(w, http.StatusOK, id, c)
}

func (l *Library) writeStorage(w http.ResponseWriter, status int, id digime.StorageID, c caller) error {
	client := wire.ClientID{
		Application: wire.ApplicationID(l.ApplicationID), Contract: wire.ContractID(c.contract.ID),
	}
	return writeJSON(w, status, wire.Storage{ID: string(id), KeyID: wire.CloudKeyID(client)})
}

// A cloudHandler answers a verified request to the file storage, or returns the error to answer with. The path has no
// slash at its beginning, and one at its end if it is that of a folder; it is empty for all files.
type cloudHandler func(w http.ResponseWriter, r *http.Request, c Contract, s *storage, path string) error

// cloud returns the handler of requests that are signed as those of the file storage are.
func (l *Library) cloud(handle cloudHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		contract, err := l.verifyCloud(r)
		l.mu.Lock()
		s := l.storages[digime.StorageID(r.PathValue("storage"))]
		l.mu.Unlock()
		switch {
		case err != nil:
		case s == nil || r.PathValue("application") != l.ApplicationID:
			err = notFound("Storage")
		default:
			err = handle(w, r, contract, s, r.PathValue("path"))
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, r.Body) // otherwise the client may not see the answer
			writeCloudError(w, err)
		}
	}
}

// verifyCloud checks the token of a request.
func (l *Library) verifyCloud(r *http.Request) (Contract, error) {
	refused := &digime.Error{Code: digime.CodeUnauthorized, Status: http.StatusUnauthorized,
		Message: "Bearer token refused"}
	var claims wire.CloudClaims
	token, err := wire.ParseRequestToken(bearer(r))
	if err == nil {
		err = token.Peek(&claims)
	}
	if err != nil {
		return Contract{}, refused
	}
	for _, c := range []Contract{l.WriteContract, l.ReadContract} {
		if string(claims.Issuer) != c.ID {
			continue
		}
		key, err := wire.ParsePrivateKey(c.PrivateKey)
		if err != nil {
			return c, err
		}
		client := wire.ClientID{Application: wire.ApplicationID(l.ApplicationID), Contract: claims.Issuer}
		now, issued, expires := time.Now(), claims.IssuedAt.Time(), claims.ExpiresAt.Time()
		valid := token.Verify(&key.PublicKey) == nil && token.Header.Type == wire.TypeCloud &&
			token.Header.KeyID == wire.CloudKeyID(client) && claims.Audience == wire.CloudAudience &&
			claims.Subject == client.Application && now.Before(expires) && issued.Before(now.Add(time.Minute)) &&
			!expires.After(issued.Add(2*time.Minute))
		if !valid {
			break
		}
		return c, nil
	}
	return Contract{}, refused
}

func (l *Library) uploadToStorage(w http.ResponseWriter, r *http.Request, c Contract, s *storage, path string) error {
	if path == "" || strings.HasSuffix(path, "/") {
		return validation("the path is that of a folder")
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	f := storedFile{id: wire.RandomAlphanumeric(32), path: path, contract: c, encrypted: content,
		updated: time.Now()}
	l.mu.Lock()
	s.files[strings.ToLower(path)] = f
	l.mu.Unlock()
	return writeJSON(w, http.StatusCreated, wire.StorageUpload{ID: f.id})
}

func (l *Library) readStorage(w http.ResponseWriter, r *http.Request, _ Contract, s *storage, path string) error {
	if path == "" || strings.HasSuffix(path, "/") {
		return l.listStorage(w, r, s, path)
	}
	l.mu.Lock()
	f, ok := s.files[strings.ToLower(path)]
	l.mu.Unlock()
	if !ok {
		return notFound("File")
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(f.encrypted)))
	w.Header().Set("Last-Modified", f.updated.UTC().Format(http.TimeFormat))
	_, _ = w.Write(f.encrypted) // the client has gone
	return nil
}

func (l *Library) listStorage(w http.ResponseWriter, r *http.Request, s *storage, folder string) error {
	application := "/apps/" + l.ApplicationID + "/"
	recursive := r.URL.Query().Get("recursive") == "true"
	list := wire.StorageList{Files: []wire.StorageEntry{}}
	l.mu.Lock()
	for path, f := range s.files {
		rest, within := strings.CutPrefix(path, strings.ToLower(folder))
		if !within || !recursive && strings.Contains(rest, "/") {
			continue
		}
		at := strings.LastIndexByte(path, '/') + 1
		original := strings.LastIndexByte(f.path, '/') + 1
		list.Files = append(list.Files, wire.StorageEntry{
			ID: f.id, Name: path[at:], OriginalName: f.path[original:],
			Path: strings.ToLower(application) + path[:at], OriginalPath: application + f.path[:original],
		})
	}
	l.mu.Unlock()
	slices.SortFunc(list.Files, func(a, b wire.StorageEntry) int {
		return strings.Compare(a.Path+a.Name, b.Path+b.Name)
	})
	list.Total = len(list.Files)
	return writeJSON(w, http.StatusOK, list)
}

// deleteFromStorage deletes a file or, if there is none with the path, a folder.
func (l *Library) deleteFromStorage(w http.ResponseWriter, _ *http.Request, _ Contract, s *storage, path string) error {
	path = strings.ToLower(path)
	l.mu.Lock()
	defer l.mu.Unlock()
	found := false
	if _, ok := s.files[path]; ok {
		delete(s.files, path)
		found = true
	} else {
		folder := path
		if folder != "" && !strings.HasSuffix(folder, "/") {
			folder += "/"
		}
		for p := range s.files {
			if strings.HasPrefix(p, folder) {
				delete(s.files, p)
				found = true
			}
		}
	}
	if !found && path != "" {
		return notFound("File")
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// writeCloudError writes an error in the form of the file storage.
func writeCloudError(w http.ResponseWriter, err error) {
	e := &digime.Error{Code: digime.CodeInternal, Status: http.StatusInternalServerError, Message: fmt.Sprint(err)}
	_ = errors.As(err, &e) // otherwise the default remains
	_ = writeJSON(w, e.Status, wire.CloudError{Error: string(e.Code), Message: e.Message})
}

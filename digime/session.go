package digime

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A Session is the right to read for a limited time what a person allows. It may be used by several goroutines at once.
type Session struct {
	user *User
	key  SessionKey
}

// StartSession opens a session. Unless the options say otherwise, the server then starts to fetch new data from the
// person's sources. It requires a read contract ([ErrInsufficientScope]). [ErrScopeOutOfBounds] says that the options
// ask for more than the contract allows. The call is not repeated after an error.
func (u *User) StartSession(ctx context.Context, options SessionOptions) (*Session, error) {
	request := wire.TriggerRequest{SessionOptions: options.wire()}
	if u.contract != nil && u.contract.client != nil {
		request.Agent = &wire.Agent{SDK: u.contract.client.agent}
	}
	var answer wire.TriggerAnswer
	err := u.doJSON(ctx, call{
		method: http.MethodPost, path: literal("permission-access/trigger"), body: jsonBody(request),
	}, &answer)
	if err == nil && answer.Session.Key == "" {
		err = missing("session")
	}
	if err != nil {
		return nil, fmt.Errorf("start session: %w", err)
	}
	return u.ResumeSession(sessionKeyOf(&answer.Session)), nil
}

// ResumeSession returns a session that was opened before, such as the one of [Authorization.Session]. It sends nothing.
func (u *User) ResumeSession(key SessionKey) *Session { return &Session{user: u, key: key} }

// Key returns the key of the session, with which it can be resumed until it ends.
func (s *Session) Key() SessionKey { return s.key }

// Expiry returns when the session ends.
func (s *Session) Expiry() time.Time { return s.key.Expiry }

// String returns when the session ends, and hides its key.
func (s *Session) String() string {
	return "session until " + s.key.Expiry.UTC().Format(time.RFC3339)
}

// Format prints String for every verb.
func (s *Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// GetFileMetadata returns the metadata of a file without its content.
func (s *Session) GetFileMetadata(ctx context.Context, name FileName) (FileMetadata, error) {
	var metadata FileMetadata
	cl, err := s.fileCall(http.MethodHead, name)
	if err == nil {
		err = s.user.do(ctx, cl, func(resp *http.Response) (err error) {
			defer resp.Body.Close()
			metadata, err = metadataOf(resp)
			return err
		})
	}
	if err != nil {
		return FileMetadata{}, fmt.Errorf("get file metadata: %w", err)
	}
	return metadata, nil
}

// OpenFile starts to read a file. The content arrives while it is read from the [File], which the caller must close.
func (s *Session) OpenFile(ctx context.Context, name FileName) (*File, error) {
	cl, err := s.fileCall(http.MethodGet, name)
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	cl.header = map[string]string{
		"Accept": "application/octet-stream",
		// The content is encrypted: to compress it once more would save nothing and hide its length.
		"Accept-Encoding": "identity",
	}
	var file *File
	err = s.user.do(ctx, cl, func(resp *http.Response) (err error) {
		file, err = newFile(name, resp, s.user.contract)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open file %s: %w", name, err)
	}
	return file, nil
}

// listCall returns the call that lists the files.
func (s *Session) listCall() (call, error) {
	key := s.key.Key.Reveal()
	if key == "" || s.user == nil {
		return call{}, invalid("no session: see User.StartSession")
	}
	return call{
		method: http.MethodGet, path: routeOf("permission-access/query/{session}", key), secrets: []string{key},
	}, nil
}

// fileCall returns a call for one file.
func (s *Session) fileCall(method string, name FileName) (call, error) {
	cl, err := s.listCall()
	if err == nil && name == "" {
		err = invalid("no file name")
	}
	if err != nil {
		return call{}, err
	}
	cl.method = method
	cl.path = routeOf("permission-access/query/{session}/{file}", s.key.Key.Reveal(), string(name))
	return cl, nil
}

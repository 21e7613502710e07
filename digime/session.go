package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A Session is the right to read, for a while, what a person allows. It may be
// used by many goroutines at once.
type Session struct {
	user *User
	key  SessionKey
}

// ReadSession opens a session, which also sets the server to fetch news from the
// person's sources unless the options say otherwise. It needs a read contract
// ([ErrInsufficientScope]); [ErrScopeOutOfBounds] says that the options ask for
// more than the contract does. The call is not tried again by itself.
func (u *User) ReadSession(ctx context.Context, options SessionOptions) (*Session, error) {
	var answer wire.TriggerAnswer
	err := u.doJSON(ctx, call{
		method: http.MethodPost, path: literal("permission-access/trigger"),
		body: jsonBody(wire.TriggerRequest{SessionOptions: options, Agent: &wire.Agent{SDK: u.client.agent}}),
	}, &answer)
	if err == nil && answer.Session.Key == "" {
		err = errors.New("the server's answer has no session")
	}
	if err != nil {
		return nil, fmt.Errorf("read session: %w", err)
	}
	return u.OpenSession(sessionKeyOf(&answer.Session)), nil
}

// OpenSession is a session that was opened before, such as the one of
// [Authorization.Session]. It makes no request itself.
func (u *User) OpenSession(key SessionKey) *Session { return &Session{user: u, key: key} }

// Key names the session, so that it can be kept and opened again while it lasts.
func (s *Session) Key() SessionKey { return s.key }

// Expiry is when the session ends.
func (s *Session) Expiry() time.Time { return s.key.Expiry }

// String says until when the session can be read, and hides its key.
func (s *Session) String() string {
	return "session until " + s.key.Expiry.UTC().Format(time.RFC3339)
}

// Format prints String, whatever the verb.
func (s *Session) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// FileList asks how far the session is and what it has so far. Ask again, every
// few seconds, while State is [StatePending] or [StateRunning]; [Session.Files]
// does all that. In [StatePending] the list means nothing yet.
func (s *Session) FileList(ctx context.Context) (FileList, error) {
	var list FileList
	err := s.user.do(ctx, s.call(http.MethodGet, ""), jsonAnswer{&list, maxList}.read)
	if err == nil && list.Status.State == "" {
		err = errors.New("the server's answer has no state")
	}
	if err != nil {
		return FileList{}, fmt.Errorf("file list: %w", err)
	}
	return list, nil
}

// ReadFileMetadata says what a file is without fetching it, and when it changed
// last.
func (s *Session) ReadFileMetadata(ctx context.Context, name FileName) (FileMetadata, time.Time, error) {
	var (
		metadata FileMetadata
		modified time.Time
	)
	err := s.user.do(ctx, s.call(http.MethodHead, name), func(resp *http.Response) (err error) {
		defer resp.Body.Close()
		metadata, modified, err = fileHeaders(resp)
		return err
	})
	if err != nil {
		return FileMetadata{}, time.Time{}, fmt.Errorf("file metadata: %w", err)
	}
	return metadata, modified, nil
}

// ReadFile begins to fetch a file. The content arrives as it is read from the
// [File], which must be closed.
func (s *Session) ReadFile(ctx context.Context, name FileName) (*File, error) {
	cl := s.call(http.MethodGet, name)
	cl.header = map[string]string{
		"Accept": "application/octet-stream",
		// The content is encrypted: compressing it again would only cost the length.
		"Accept-Encoding": "identity",
	}
	var file *File
	err := s.user.do(ctx, cl, func(resp *http.Response) (err error) {
		file, err = openFile(name, resp, s.user.contract)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", name, err)
	}
	return file, nil
}

// call is a call about the session, or about one file in it.
func (s *Session) call(method string, name FileName) call {
	key := s.key.Key.Reveal()
	cl := call{method: method, path: routeOf("permission-access/query/{session}", key), secrets: []string{key}}
	if name != "" {
		cl.path = routeOf("permission-access/query/{session}/{file}", key, string(name))
	}
	return cl
}

func fileHeaders(resp *http.Response) (FileMetadata, time.Time, error) {
	metadata, err := wire.ParseFileMetadata(resp.Header.Get("X-Metadata"))
	if err != nil {
		return FileMetadata{}, time.Time{}, err
	}
	modified, _ := http.ParseTime(resp.Header.Get("Last-Modified")) // absent is the zero time
	return metadata, modified, nil
}

package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/demo"
)

// TransferConfig is a number of large files that are pushed and read with the SDK.
type TransferConfig struct {
	Folder  string // where the server keeps its data
	Program string // the carrel program that serves; it may be an older one than this
	Files   int
	Size    int64
}

// TransferResult has the measurements of a [Transfer].
type TransferResult struct {
	Files int           `json:"files"`
	Size  int64         `json:"size"`
	Push  time.Duration `json:"pushNanoseconds"`
	Read  time.Duration `json:"readNanoseconds"`
	Peak  int64         `json:"peakBytes"` // of the server's memory; 0 where that is not known
}

// Transfer starts a server in a process of its own, has a person allow an application to
// push and to read, and measures how long the SDK takes to push all files at once, and
// then to read all of them at once. With more than one file it also pushes and reads as
// many at the same time, for the most memory that the server takes.
func Transfer(ctx context.Context, c TransferConfig, progress func(string)) (r TransferResult, err error) {
	s, err := startServer(ctx, c.Program, c.Folder)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	progress("asking a scripted person for consent")
	t := &transfer{TransferConfig: c, content: make([]byte, 1<<20)}
	_, _ = rand.Read(t.content) // which nothing can compress
	if err := t.authorize(ctx, s); err != nil {
		return r, err
	}
	r = TransferResult{Files: c.Files, Size: c.Size}
	progress(fmt.Sprintf("pushing %d × %d bytes", c.Files, c.Size))
	began := time.Now()
	if err := atOnce(c.Files, func(int) error { return t.push(ctx) }); err != nil {
		return r, err
	}
	r.Push = time.Since(began)
	session, files, err := t.list(ctx)
	if err != nil {
		return r, err
	}
	progress("reading them")
	began = time.Now()
	if err := atOnce(c.Files, func(i int) error { return t.read(ctx, session, files[i]) }); err != nil {
		return r, err
	}
	r.Read = time.Since(began)
	if c.Files > 1 {
		progress("pushing and reading as many at the same time")
		err := atOnce(2*c.Files, func(i int) error {
			if i%2 == 0 {
				return t.push(ctx)
			}
			return t.read(ctx, session, files[i/2])
		})
		if err != nil {
			return r, err
		}
	}
	r.Peak = s.peakMemory()
	return r, nil
}

// transfer is an application with a person's consent to push and to read.
type transfer struct {
	TransferConfig
	writer, reader *digime.User
	content        []byte // of a file, again and again
}

// transferCallback is where the consent pages redirect to. Nothing listens there.
const transferCallback = "http://127.0.0.1:8095/callback"

// authorize registers the application and asks a scripted person for both consents.
func (t *transfer) authorize(ctx context.Context, s *serverProcess) error {
	application, err := s.addApplication(ctx)
	if err != nil {
		return err
	}
	client, err := digime.New(application, digime.WithServer(s.url), digime.WithRetries(0))
	if err != nil {
		return err
	}
	person := demo.NewScriptedVisitor("bench@example.org", rand.Text())
	allow := func(access string, link digime.UserAccessToken) (*digime.User, error) {
		id, key, err := s.addContract(ctx, application, access, transferCallback)
		if err != nil {
			return nil, err
		}
		contract, err := client.ParseContract(id, []byte(key))
		if err != nil {
			return nil, err
		}
		return consent(ctx, person, contract, link)
	}
	if t.writer, err = allow("write", digime.UserAccessToken{}); err != nil {
		return fmt.Errorf("consent to push: %w", err)
	}
	if t.reader, err = allow("read", t.writer.Token()); err != nil {
		return fmt.Errorf("consent to read: %w", err)
	}
	return nil
}

// consent has a scripted person allow a contract. A link is the token of another contract,
// whose library is meant.
func consent(
	ctx context.Context, person *demo.ScriptedVisitor, contract *digime.Contract, link digime.UserAccessToken,
) (*digime.User, error) {
	auth, err := contract.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: transferCallback, Link: link})
	if err != nil {
		return nil, err
	}
	end, err := person.FollowPages(ctx, auth.URL, transferCallback)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(end)
	if err != nil {
		return nil, fmt.Errorf("callback: %w", err)
	}
	back, err := auth.ParseCallback(u.Query())
	if err != nil {
		return nil, err
	}
	token, err := contract.Exchange(ctx, back)
	if err != nil {
		return nil, err
	}
	return contract.User(token), nil
}

func (t *transfer) push(ctx context.Context) error {
	return t.writer.Push(ctx, digime.PushInput{
		Data: io.LimitReader(&repeating{content: t.content}, t.Size), MIMEType: "application/octet-stream",
		AccountID: "bench", Reference: []string{"bench"},
	})
}

// list starts a session and returns the names of its files.
func (t *transfer) list(ctx context.Context) (*digime.Session, []digime.FileName, error) {
	session, err := t.reader.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		return nil, nil, err
	}
	list, err := session.ListFiles(ctx)
	if err != nil {
		return nil, nil, err
	}
	var names []digime.FileName
	for _, f := range list.Files {
		names = append(names, f.Name)
	}
	if len(names) != t.Files {
		return nil, nil, fmt.Errorf("%d files were pushed, and %d are listed", t.Files, len(names))
	}
	return session, names, nil
}

func (t *transfer) read(ctx context.Context, session *digime.Session, name digime.FileName) error {
	file, err := session.OpenFile(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // the reader has seen every error
	n, err := io.Copy(io.Discard, file)
	if err == nil && n != t.Size {
		err = fmt.Errorf("a file of %d bytes has %d when it is read", t.Size, n)
	}
	return err
}

// repeating is a content without an end.
type repeating struct {
	content []byte
	at      int
}

func (r *repeating) Read(b []byte) (int, error) {
	n := copy(b, r.content[r.at:])
	r.at = (r.at + n) % len(r.content)
	return n, nil
}

// atOnce calls f n times at once and waits for all.
func atOnce(n int, f func(int) error) error {
	var wait sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wait.Go(func() { errs[i] = f(i) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

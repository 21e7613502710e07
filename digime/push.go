package digime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Push is one file on its way into a person's library, and what is said of it.
type Push struct {
	// Data is the file's content, of any length. It is sent as it is read, and is
	// not closed. If it is an [io.Seeker], it is sent from where it stands, and
	// again from there if the access token turns out to have expired.
	Data io.Reader
	// MIMEType is the file's type, such as "application/pdf". Required.
	MIMEType string
	// AccountID is the person's account in your own system, not one of
	// [User.ReadAccounts]. Required.
	AccountID string

	// Reference is your names for the file, typically its name.
	Reference []string
	// Tags are labels to select the file by later.
	Tags []string
	// ObjectTypes say what the content is.
	ObjectTypes []ObjectType
	// ServiceGroups are those that the content belongs to.
	ServiceGroups []int
	// ProviderName is who wrote the file.
	ProviderName string
	// Extra is further metadata, which a reader gets back as it is.
	Extra map[string]any
}

// expiresSoon is how much life an access token must have left for data that can be
// read only once.
const expiresSoon = time.Minute

// Push puts a file into the person's library. It needs a write contract
// ([ErrInsufficientScope]). Once it returns nil, the server keeps the file. A push
// is never tried again by itself, since the server may have taken it before an
// error; only a refused access token is refreshed and the data sent again. Where
// the data cannot be, the token is refreshed before if it is about to expire, and
// [ErrCannotResend] returned if it is refused all the same.
func (u *User) Push(ctx context.Context, p Push) error {
	cl, err := u.pushCall(p)
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	body := newPushBody(ctx, p.Data)
	if !body.canRewind() && u.expiresSoon() {
		if err := u.Refresh(ctx); err != nil {
			return fmt.Errorf("push: %w", err)
		}
	}
	cl.stream = body
	if err := u.do(ctx, cl, drain); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	return nil
}

// pushCall is the call without its body.
func (u *User) pushCall(p Push) (call, error) {
	switch {
	case p.Data == nil:
		return call{}, errors.New("no Data")
	case p.MIMEType == "":
		return call{}, errors.New("no MIMEType")
	case p.AccountID == "":
		return call{}, errors.New("no AccountID")
	}
	descriptor := wire.Descriptor{
		MIMEType:  p.MIMEType,
		Accounts:  []wire.DescriptorAccount{{AccountID: p.AccountID}},
		Reference: p.Reference, Tags: p.Tags, ObjectTypes: p.ObjectTypes, ServiceGroups: p.ServiceGroups, ProviderName: p.ProviderName,
		Extra: make(map[string]json.RawMessage, len(p.Extra)),
	}
	for name, value := range p.Extra {
		text, err := json.Marshal(value)
		if err != nil {
			return call{}, fmt.Errorf("extra metadata %q: %w", name, err)
		}
		descriptor.Extra[name] = text
	}
	metadata, err := json.Marshal(descriptor)
	if err != nil {
		return call{}, err
	}
	header, err := wire.Sign(u.contract.key, wire.Header{}, wire.DescriptorClaims{Metadata: metadata})
	if err != nil {
		return call{}, err
	}
	return call{
		method: http.MethodPost, path: literal("permission-access/import"),
		header: map[string]string{"Content-Type": "application/octet-stream", "FileDescriptor": header},
	}, nil
}

func (u *User) expiresSoon() bool {
	token := u.Token()
	return !token.AccessToken.Expiry.IsZero() && !token.RefreshToken.Value.IsZero() &&
		u.client.now().Add(expiresSoon).After(token.AccessToken.Expiry)
}

// drain takes an answer that says nothing.
func drain(resp *http.Response) error {
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody)) // so that the connection can be used again
	return nil
}

// pushBody lends the caller's data to the HTTP transport and can take it back. The
// transport goes on reading after it has returned an early answer, and waits for a
// Read that has begun before it gives up; so it reads from a pipe, which ends at
// once, and a goroutine fills the pipe.
type pushBody struct {
	data  io.Reader
	start int64 // where a Seeker stood; -1 for data that cannot be sent again

	once  sync.Once // decides between reading and not reading
	begun bool
	ended chan struct{} // closed when nothing reads from data any longer
	r     *io.PipeReader
	w     *io.PipeWriter
	stop  func() bool // stops waiting for the context's end
}

func newPushBody(ctx context.Context, data io.Reader) *pushBody {
	start := int64(-1)
	if s, ok := data.(io.Seeker); ok {
		// A pipe is a Seeker too, by its type.
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			start = at
		}
	}
	return pushBodyAt(ctx, data, start)
}

func pushBodyAt(ctx context.Context, data io.Reader, start int64) *pushBody {
	b := &pushBody{data: data, start: start, ended: make(chan struct{})}
	b.r, b.w = io.Pipe()
	// The transport closes the body only after the Read that it waits for.
	b.stop = context.AfterFunc(ctx, func() { _ = b.w.CloseWithError(ctx.Err()) })
	return b
}

func (b *pushBody) canRewind() bool { return b.start >= 0 }

func (b *pushBody) Read(p []byte) (int, error) {
	b.once.Do(func() {
		b.begun = true
		go func() {
			defer close(b.ended)
			_, err := io.Copy(b.w, b.data)
			_ = b.w.CloseWithError(err) // never fails; nil is the end
		}()
	})
	return b.r.Read(p)
}

// Close does not close the data, which is the caller's, and does not wait for it.
func (b *pushBody) Close() error { return b.r.Close() }

// takeBack ends the reading. It waits until the data is the caller's again, unless
// it is of a kind that may let a Read wait for ever.
func (b *pushBody) takeBack(ctx context.Context) {
	b.stop()
	_ = b.r.Close() // never fails
	b.once.Do(func() { close(b.ended) })
	if !b.canRewind() {
		return
	}
	select {
	case <-b.ended:
	case <-ctx.Done():
	}
}

// again takes the data back and returns it as a fresh body, or false where it
// cannot be sent again.
func (b *pushBody) again(ctx context.Context) (*pushBody, bool) {
	b.takeBack(ctx)
	switch {
	case ctx.Err() != nil:
		return nil, false
	case b.canRewind():
		if _, err := b.data.(io.Seeker).Seek(b.start, io.SeekStart); err != nil {
			return nil, false
		}
	case b.begun:
		return nil, false
	}
	return pushBodyAt(ctx, b.data, b.start), true
}

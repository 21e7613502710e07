package digime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/carrelhq/carrel/internal/wire"
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
	body := newPushBody(p.Data)
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

// pushBody lends the caller's data to the HTTP transport, which may still read
// from it after it has returned an early answer, and takes it back.
type pushBody struct {
	data  io.Reader
	start int64         // where a Seeker stood; -1 for data that cannot be sent again
	turn  chan struct{} // held while reading
	begun atomic.Bool   // something has been read
	gone  atomic.Bool   // the transport may read no more
}

func newPushBody(data io.Reader) *pushBody {
	b := &pushBody{data: data, start: -1, turn: make(chan struct{}, 1)}
	if s, ok := data.(io.Seeker); ok {
		// A pipe is a Seeker too, by its type.
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			b.start = at
		}
	}
	return b
}

func (b *pushBody) canRewind() bool { return b.start >= 0 }

var errTakenBack = errors.New("the data has been taken back")

func (b *pushBody) Read(p []byte) (int, error) {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	if b.gone.Load() {
		return 0, errTakenBack
	}
	b.begun.Store(true)
	return b.data.Read(p)
}

// Close does not close the data, which is the caller's, and does not wait for it.
func (b *pushBody) Close() error {
	b.gone.Store(true)
	return nil
}

// again takes the data back and returns it as a fresh body, or false where it
// cannot be sent again.
func (b *pushBody) again(ctx context.Context) (*pushBody, bool) {
	b.gone.Store(true)
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return nil, false
	}
	switch {
	case b.canRewind():
		if _, err := b.data.(io.Seeker).Seek(b.start, io.SeekStart); err != nil {
			return nil, false
		}
	case b.begun.Load():
		return nil, false
	}
	return &pushBody{data: b.data, start: b.start, turn: make(chan struct{}, 1)}, true
}

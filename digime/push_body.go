package digime

import (
	"context"
	"crypto/rsa"
	"io"
	"sync"

	"github.com/carrelhq/carrel/digime/wire"
)

// A pushBody lends the caller's data to the HTTP transport and can take it back. The transport continues to read after
// an early response, and waits for a Read that has begun before it stops. It therefore reads from a pipe, which ends at
// once, and a goroutine copies the data into the pipe.
type pushBody struct {
	data io.Reader
	// copy writes the data, or its encrypted form, to the pipe.
	copy  func(io.Writer, io.Reader) (int64, error)
	start int64 // the offset of a Seeker; -1 for data that cannot be sent again

	once  sync.Once // starts the reading, or prevents it
	begun bool
	ended chan struct{} // closed when nothing reads from data any more
	r     *io.PipeReader
	w     *io.PipeWriter
	stop  func() bool // stops waiting for the end of the context
}

func newPushBody(ctx context.Context, data io.Reader) *pushBody {
	start := int64(-1)
	if s, ok := data.(io.Seeker); ok {
		// A pipe of the operating system is a Seeker by its type, and fails here.
		if at, err := s.Seek(0, io.SeekCurrent); err == nil {
			start = at
		}
	}
	return pushBodyAt(ctx, data, io.Copy, start)
}

// newSealedBody returns a body that consists of the encrypted data. It is sent once.
func newSealedBody(ctx context.Context, data io.Reader, key *rsa.PublicKey) *pushBody {
	return pushBodyAt(ctx, data, func(w io.Writer, r io.Reader) (int64, error) {
		return wire.SealEnvelope(w, key, r)
	}, -1)
}

func pushBodyAt(
	ctx context.Context, data io.Reader, copied func(io.Writer, io.Reader) (int64, error), start int64,
) *pushBody {
	b := &pushBody{data: data, copy: copied, start: start, ended: make(chan struct{})}
	b.r, b.w = io.Pipe()
	// The transport would close the body only after the Read that it waits for.
	b.stop = context.AfterFunc(ctx, func() { _ = b.w.CloseWithError(ctx.Err()) })
	return b
}

func (b *pushBody) canRewind() bool { return b.start >= 0 }

func (b *pushBody) Read(p []byte) (int, error) {
	b.once.Do(func() {
		b.begun = true
		go func() {
			defer close(b.ended)
			_, err := b.copy(b.w, b.data)
			_ = b.w.CloseWithError(err) // never fails; nil is the end
		}()
	})
	return b.r.Read(p)
}

// Close neither closes the data, which is the caller's, nor waits for it.
func (b *pushBody) Close() error { return b.r.Close() }

// takeBack ends the reading. It waits until nothing reads from the data, unless the data is of a kind whose Read may
// never return.
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

// again takes the data back and returns a new body for it, or false if it cannot be sent again.
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
	return pushBodyAt(ctx, b.data, b.copy, b.start), true
}

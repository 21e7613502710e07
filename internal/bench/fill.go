package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// fill adds the files of the beginning, unless that has been done. They are added as those that are pushed are, but
// without HTTP, and with one signature for each library: many share a sync.
func (o *ownServer) fill(ctx context.Context, progress func(string)) error {
	n := o.state.Files
	if n == 0 || !o.state.FilledTo.IsZero() {
		return nil
	}
	progress(fmt.Sprintf("adding %d files", n))
	bearers, err := o.bearers(ctx)
	if err != nil {
		return err
	}
	content := make([]byte, o.state.Size)
	_, _ = rand.Read(content) // never fails, by its documentation
	var done atomic.Int64
	o.state.FilledFrom, o.filled = time.Now(), true
	err = parallel(ctx, seeders, n, func(ctx context.Context, i int) error {
		bearer := bearers[o.state.libraryOf(i)]
		if _, err := o.server.Files.Push(ctx, bearer, &descriptor, bytes.NewReader(content)); err != nil {
			return fmt.Errorf("add file: %w", err)
		}
		if added := done.Add(1); added%100_000 == 0 {
			progress(fmt.Sprintf("added %d files", added))
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.state.FilledTo = time.Now()
	return nil
}

// bearers returns the bearer of each library that gets files, by a signed request whose nonce is used up.
func (o *ownServer) bearers(ctx context.Context) ([]*library.Bearer, error) {
	signer, err := o.signer(o.state.Write)
	if err != nil {
		return nil, err
	}
	bearers := make([]*library.Bearer, o.state.FilledLibraries)
	err = parallel(ctx, seeders, len(bearers), func(ctx context.Context, i int) error {
		text, err := signer.bearer(wire.RequestClaims{AccessToken: o.state.Libraries[i].WriteToken})
		if err != nil {
			return err
		}
		signed, err := o.server.Clients.Verify(ctx, text)
		if err == nil {
			err = o.server.Clients.UseNonce(ctx, signed)
		}
		if err == nil {
			bearers[i], err = o.server.Consents.Bearer(ctx, signed)
		}
		if err != nil {
			return fmt.Errorf("verify request: %w", err)
		}
		return nil
	})
	return bearers, err
}

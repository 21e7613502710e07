package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/library"
)

// receive runs a push, and breaks it off if the bearer's grant ends meanwhile.
func (a *api) receive(r *http.Request, b *library.Bearer, transfer func(ctx context.Context) error) error {
	ctx, done := a.watch(r, (*httpserve.Body).EndReads, a.watchGrant(b))
	defer done()
	err := transfer(ctx)
	if err != nil && errors.Is(context.Cause(ctx), library.ErrEnded) {
		return library.InvalidToken(wire.KindAccessToken).Because(err)
	}
	return err
}

// send writes an answer, and breaks it off if the bearer's grant ends meanwhile.
func (a *api) send(r *http.Request, b *library.Bearer, transfer func(ctx context.Context) error) error {
	ctx, done := a.watch(r, (*httpserve.Body).Abort, a.watchGrant(b))
	defer done()
	err := transfer(ctx)
	if err != nil && errors.Is(context.Cause(ctx), library.ErrEnded) {
		return errors.Join(errBrokenOff, library.ErrEnded, err)
	}
	return err
}

func (a *api) watchGrant(b *library.Bearer) watch {
	return func(ctx context.Context) (context.Context, func()) { return a.Consents.WatchGrant(ctx, b) }
}

// A watch returns a context that ends, for the cause library.ErrEnded, with what allows a transfer.
type watch = func(ctx context.Context) (context.Context, func())

// watch returns the context of a watch. When it ends, it makes the reads or writes that are under way fail.
func (a *api) watch(
	r *http.Request, end func(*httpserve.Body), of watch,
) (ctx context.Context, done func()) {
	ctx, stop := of(r.Context())
	unhook := context.AfterFunc(ctx, func() {
		if t, ok := r.Body.(*httpserve.Body); ok && errors.Is(context.Cause(ctx), library.ErrEnded) {
			end(t)
		}
	})
	return ctx, func() {
		unhook()
		stop()
	}
}

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
	ctx, done := a.watch(r, b, (*httpserve.Body).EndReads)
	defer done()
	err := transfer(ctx)
	if err != nil && errors.Is(context.Cause(ctx), library.ErrEnded) {
		return library.InvalidToken(wire.KindAccessToken).Because(err)
	}
	return err
}

// send writes an answer, and breaks it off if the bearer's grant ends meanwhile.
func (a *api) send(r *http.Request, b *library.Bearer, transfer func(ctx context.Context) error) error {
	ctx, done := a.watch(r, b, (*httpserve.Body).Abort)
	defer done()
	err := transfer(ctx)
	if err != nil && errors.Is(context.Cause(ctx), library.ErrEnded) {
		return errors.Join(errBrokenOff, library.ErrEnded, err)
	}
	return err
}

// watch returns a context that ends with the bearer's grant. It then makes the reads or writes that are
// under way fail.
func (a *api) watch(
	r *http.Request, b *library.Bearer, end func(*httpserve.Body),
) (ctx context.Context, done func()) {
	ctx, stop := a.Consents.WatchGrant(r.Context(), b)
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

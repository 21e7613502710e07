package api

import (
	"context"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// push adds a file to the person's library. The body is the content, of unknown length.
func (a *api) push(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	if err := b.Require(library.Write); err != nil {
		return err
	}
	values := r.Header.Values("FileDescriptor")
	if len(values) > 1 {
		return wire.Validation("more than one FileDescriptor header")
	}
	descriptor, err := b.Request().Descriptor(r.Header.Get("FileDescriptor"))
	if err != nil {
		return err
	}
	err = a.receive(r, b, func(ctx context.Context) error {
		_, err := a.Files.PushSized(ctx, b, descriptor, r.Body, r.ContentLength)
		return err
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

package httpserve

import (
	"context"
	"net/http"
)

type waitingKey struct{}

// WithWaiting returns a context for the requests of a connection. wait is called when the server begins to wait for a
// part of a request's body, and its result when that has come.
func WithWaiting(ctx context.Context, wait func() (done func())) context.Context {
	return context.WithValue(ctx, waitingKey{}, wait)
}

func waitingOf(r *http.Request) func() func() {
	// The requests of an HTTP/2 connection share it: that one of them waits says nothing of the others.
	if wait, ok := r.Context().Value(waitingKey{}).(func() func()); ok && r.ProtoMajor == 1 {
		return wait
	}
	return func() func() { return func() {} }
}

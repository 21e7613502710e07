package server_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// The clocks of two servers differ by two seconds. The one that is behind must not accept what the other has accepted
// and, by its own clock, may forget.
func TestAttackReplayAtAServerThatIsBehind(t *testing.T) {
	t.Parallel()
	var config server.Config
	w := carreltest.Serve(t, carreltest.OnPostgres(t), func(c *server.Config) { config = *c })
	config.PublicURL, config.Blobs = w.URL, filepath.Join(w.Folder, "blobs")
	config.Now = func() time.Time { return w.Clock.Now().Add(-2 * time.Second) }
	behind := serveBeside(t, config)

	bearer := w.Application().Contract(library.Write).Signs()
	call := func(url string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1.7/permission-access/contract", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bearer)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		return response.StatusCode
	}
	if got := call(w.URL); got != http.StatusOK {
		t.Fatalf("the first use: %d", got)
	}
	for _, moved := range []time.Duration{0, 5*time.Minute + 1500*time.Millisecond} {
		w.Clock.Moves(moved)
		if err := w.OpensStore().Sweep(t.Context(), w.Clock.Now(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if got := call(behind); got != http.StatusNotAcceptable {
			t.Errorf("%s later, at the server that is behind: %d", moved, got)
		}
	}
}

// serveBeside starts a second server on the same data, and returns its address.
func serveBeside(t *testing.T, c server.Config) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s, err := server.Open(ctx, c)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/bench"
)

// numbered is a scenario whose requests have numbers in their paths.
type numbered struct {
	method string
	body   []byte
	check  func(*bench.Request, bench.Answer) error
}

func (numbered) Name() string { return "numbered" }

func (s numbered) Requests(_ context.Context, n int, _ func(string)) ([]bench.Request, error) {
	requests := make([]bench.Request, n)
	for i := range requests {
		requests[i] = bench.Request{
			Head: fmt.Appendf(nil, "%s /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", s.method, i,
				len(s.body)),
			Body: s.body, Content: int64(len(s.body)),
		}
	}
	return requests, nil
}

func (s numbered) Check(r *bench.Request, a bench.Answer) error {
	if s.check == nil {
		return nil
	}
	return s.check(r, a)
}

// serve starts a server and returns it as a target.
func serve(t *testing.T, f http.HandlerFunc) bench.Target {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	target, err := bench.ParseTarget(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// Each request is sent once, whatever the number of connections.
func TestRun(t *testing.T) {
	for _, clients := range []int{1, 7, 100} {
		var seen [30]atomic.Int64
		target := serve(t, func(w http.ResponseWriter, r *http.Request) {
			var i int
			if _, err := fmt.Sscanf(r.URL.Path, "/%d", &i); err != nil {
				t.Error(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || string(body) != "content" {
				t.Errorf("%q %v", body, err)
			}
			seen[i].Add(1)
		})
		r, err := bench.Run(t.Context(), bench.Load{Clients: clients, Requests: len(seen), Folder: t.TempDir()}, target,
			numbered{method: "PUT", body: []byte("content")}, func(string) {})
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range seen {
			if n := seen[i].Load(); n != 1 {
				t.Errorf("with %d clients request %d was sent %d times", clients, i, n)
			}
		}
		if got, want := r.BytesPerSecond/r.PerSecond, float64(len("content")); got < want-0.01 || got > want+0.01 {
			t.Errorf("%g bytes for each request, want %g", got, want)
		}
	}
}

// What is refused counts as failed, and the first refusal is told. The rest goes on.
func TestRefused(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/3":
			http.Error(w, "no room for this", http.StatusInsufficientStorage)
		case "/7":
			http.Error(w, "later", http.StatusServiceUnavailable)
		case "/8": // breaks off
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Close()
		}
	})
	r, err := bench.Run(t.Context(), bench.Load{Clients: 1, Requests: 10, Folder: t.TempDir()}, target,
		numbered{method: "POST", check: func(r *bench.Request, _ bench.Answer) error {
			if strings.HasPrefix(string(r.Head), "POST /9 ") {
				return errors.New("not what was asked for")
			}
			return nil
		}}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	want := "4 of 10 requests failed, first: refused with status 507: no room for this"
	if err := r.Err(); err == nil || err.Error() != want || r.Requests != 10 || r.Failed != 4 {
		t.Errorf("got %v, want %s; %+v", err, want, r)
	}
	if got := r.PerSecond * r.Took.Seconds(); got < 5.99 || got > 6.01 {
		t.Errorf("%g requests count as answered, want 6", got)
	}
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := bench.Target{Address: l.Addr().String()}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = bench.Run(t.Context(), bench.Load{Clients: 3, Requests: 10, Folder: t.TempDir()}, target,
		numbered{method: "GET"}, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "connect to the server") {
		t.Errorf("got %v", err)
	}
}

// In an open loop the latency of a request counts from when it was to start: a server that is too slow for the rate
// makes the later ones wait. In a closed loop nobody waits.
func TestOpenLoop(t *testing.T) {
	const requests, each, rate = 10, 20 * time.Millisecond, 200
	target := serve(t, func(http.ResponseWriter, *http.Request) { time.Sleep(each) })
	load := bench.Load{Clients: 1, Requests: requests, Rate: rate, Folder: t.TempDir()}
	r, err := bench.Run(t.Context(), load, target, numbered{method: "GET"}, func(string) {})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	// The i-th was to start after i/200 s, and ends after (i+1)·20 ms at the earliest.
	if want := requests*each - (requests-1)*time.Second/rate; r.Latency.Max < want {
		t.Errorf("the last took %v, want at least %v", r.Latency.Max, want)
	}
	if want := 5*each - 4*time.Second/rate; r.Latency.P50 < want {
		t.Errorf("the median is %v, want at least %v", r.Latency.P50, want)
	}
	if r.Took < requests*each || r.Rate != rate {
		t.Errorf("%+v", r)
	}
}

// No request of an open loop starts before its time.
func TestOpenLoopSchedule(t *testing.T) {
	const requests, rate = 20, 100
	var began atomic.Pointer[time.Time]
	target := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		now := time.Now()
		if !began.CompareAndSwap(nil, &now) {
			var i int
			_, _ = fmt.Sscanf(r.URL.Path, "/%d", &i)
			// The first may have been under way for a while.
			if since := now.Sub(*began.Load()); since > time.Duration(i)*time.Second/rate+time.Second {
				t.Errorf("request %d has come after %v", i, since)
			}
		}
	})
	load := bench.Load{Clients: 8, Requests: requests, Rate: rate, Folder: t.TempDir()}
	r, err := bench.Run(t.Context(), load, target, numbered{method: "GET"}, func(string) {})
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := (requests - 1) * time.Second / rate; r.Took < want {
		t.Errorf("all took %v, want at least %v", r.Took, want)
	}
}

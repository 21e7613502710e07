package api_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/api"
	"github.com/carrelhq/carrel/internal/carreltest"
)

// At capacity further calls are turned away, and told to come back.
func TestAtCapacity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer := anna.Allows(w.write)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	small := &http.Server{ReadHeaderTimeout: time.Minute,
		Handler: api.New(api.Config{Clients: w.Clients, People: w.People, Consents: w.Consents, Files: w.Files,
			Storages:    w.Storages,
			MaxInFlight: 2, Log: slog.New(slog.NewJSONHandler(w.Log, nil))})}
	go func() { _ = small.Serve(l) }()
	t.Cleanup(func() { _ = small.Close() })
	w.address = l.Addr().String()

	var held []*rawConn
	for _, holder := range []*carreltest.Grant{writer, anna.Allows(w.foreignWrite)} {
		h := w.dial(t)
		if err := h.say("%s", w.head(holder, "Content-Length: 10", "Expect: 100-continue")); err != nil {
			t.Fatal(err)
		}
		if a := h.hear("POST"); a.StatusCode != 100 { // it is being read: it holds its place
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		held = append(held, h)
	}
	full := refusal{503, wire.CodeServerBusy, "The server is busy, try again later"}
	for name, r := range map[string]request{
		"a call":       get("permission-access/contract", w.bearer(w.write, nil)),
		"a small push": w.push(writer, w.as(writer, nil), strings.NewReader("x")),
		"a large push": w.push(writer, w.as(writer, nil), bytes.NewReader(make([]byte, 5<<20))),
		"no call":      get("nosuchcall", ""),
	} {
		t.Run(name, func(t *testing.T) {
			a := w.send(t, r)
			w.refused(t, a, full)
			if a.Header.Get("Retry-After") == "" {
				t.Error("it does not say when to come back")
			}
		})
	}
	for _, h := range held {
		if err := h.say("0123456789"); err != nil {
			t.Fatal(err)
		}
		if a := h.hear("POST"); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	w.works(t)
}

// One contract, and one application with many, cannot take the places of others, nor of refreshing and revoking.
func TestAttackAllPlaces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const places = 32
	small := api.New(api.Config{Clients: w.Clients, People: w.People, Consents: w.Consents, Files: w.Files,
		Storages: w.Storages,
		Signer:   nil, MaxInFlight: places, Log: slog.New(slog.NewJSONHandler(w.Log, nil))})
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: small}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	w.address = l.Addr().String()
	anna := w.Person()
	writer, second, foreign := anna.Allows(w.write), anna.Allows(w.second), anna.Allows(w.foreignWrite)
	holds := func(k *carreltest.Grant) (n int) {
		for range places {
			h := w.dial(t)
			if err := h.say("%s", w.head(k, "Content-Length: 10", "Expect: 100-continue")); err != nil {
				t.Fatal(err)
			}
			if h.hear("POST").StatusCode == http.StatusContinue {
				n++
			}
		}
		return n
	}
	if n := holds(writer); n != places/4 {
		t.Errorf("one contract holds %d places of %d", n, places)
	}
	if n := holds(second); n == 0 || n > places/4 {
		t.Errorf("another one of the application holds %d more", n)
	}
	w.mustSend(t, w.push(foreign, w.as(foreign, nil), strings.NewReader("x")), nil)
	// A contract that has its share still ends access.
	if a := w.send(t, request{method: "DELETE", path: "user", bearer: w.as(writer, nil)}); a.StatusCode/100 != 2 {
		t.Errorf("revoke: %d %s", a.StatusCode, a.body)
	}
}

// Fifty at once are honest load.
func TestFiftyAtOnce(t *testing.T) {
	w := newWorld(t)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("x")), nil)
	session := w.session(t, reader)
	name := w.names(t, reader, session)[0]
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			for _, r := range []request{
				w.push(writer, w.as(writer, nil), strings.NewReader(fmt.Sprint("small ", i))),
				w.push(writer, w.as(writer, nil), io.LimitReader(zeros{}, 100_000)),
				get("permission-access/query/"+session+"/"+name, w.as(reader, nil)),
				get("permission-access/query/"+session, w.as(reader, nil)),
			} {
				if a, err := w.try(t.Context(), r); err != nil || a.StatusCode != 200 {
					t.Errorf("%s %s: %v %s", r.method, r.path, err, a.body)
				}
			}
		})
	}
	wait.Wait()
	if n := len(w.names(t, reader, session)); n != 101 {
		t.Errorf("%d files, want 101", n)
	}
}

// Fifty bodies that come slowly stand in nobody's way, and arrive in the end.
func TestSlowBesideNormal(t *testing.T) {
	w := newWorld(t)
	anna := w.Person()
	writer := anna.Allows(w.write)
	slow := make([]*rawConn, 50)
	for i := range slow {
		slow[i] = w.dial(t)
		header, begin := "Content-Length: 200000", strings.Repeat("x", 100_000)
		if i%2 == 0 {
			header, begin = "Transfer-Encoding: chunked", "6\r\nhel"
		}
		if err := slow[i].say("%s%s", w.head(writer, header), begin); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("normal")), nil)
	}
	for i, l := range slow {
		end := strings.Repeat("x", 100_000)
		if i%2 == 0 {
			end = "lo!\r\n0\r\n\r\n"
		}
		if err := l.say("%s", end); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range slow {
		if a := l.hear("POST"); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	}
	if n := anna.FileCount(); n != 100 {
		t.Errorf("%d files, want 100", n)
	}
}

// TestAttackOpenCalls has a stranger hold calls that nobody signs. They take few places, and none of those of others.
func TestAttackOpenCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy)
	writer := w.Person().Allows(w.write)
	const places = 64 // of all that nobody signs
	for range places {
		l := w.dial(t)
		err := l.say("POST %spermission-access/session HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\n{",
			api.OlderBase, w.address)
		if err != nil {
			t.Fatal(err)
		}
	}
	carreltest.Eventually(t, "the next is refused", func() bool {
		a := w.send(t, get("discovery/services", ""))
		return a.StatusCode == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != ""
	})
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("normal")), nil)
	w.mustSend(t, get("jwks/oauth", ""), nil)
}

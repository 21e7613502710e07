package digime_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

func TestRetries(t *testing.T) {
	type answer = func(http.ResponseWriter)
	second := time.Second
	for _, test := range []struct {
		name    string
		answers []answer
		pauses  []time.Duration // at least, and at most a fifth more
		fails   int             // the status, 0 for success
	}{
		{"once", []answer{status(503)}, []time.Duration{second}, 0},
		{"twice", []answer{status(500), status(429)}, []time.Duration{second, 2 * second}, 0},
		{"thrice", []answer{status(502), status(504), status(524)}, []time.Duration{second, 2 * second}, 524},
		{"hung up", []answer{hangUp}, []time.Duration{0}, 0}, // on a connection that was used before
		{"hung up again", []answer{hangUp, hangUp}, []time.Duration{0, 2 * second}, 0},
		{"not found", []answer{status(404)}, nil, 404},
		{"not implemented", []answer{status(501)}, nil, 501},
		{"too large", []answer{status(413)}, nil, 413},
		{"too large for now", []answer{status(413, "Retry-After", "3")}, []time.Duration{3 * second}, 0},
		{"told when", []answer{status(503, "Retry-After", "30")}, []time.Duration{30 * second}, 0},
		{"told too long", []answer{status(503, "Retry-After", "3600")}, nil, 503},
		{"told nonsense", []answer{status(503, "Retry-After", "soon")}, []time.Duration{second}, 0},
		{"told the past", []answer{status(503, "Retry-After", "Tue, 24 Nov 2020 05:56:43 GMT")}, []time.Duration{second}, 0},
		{"redirected", []answer{status(301, "Location", "https://evil.example/")}, nil, 301},
		{"nonce used", []answer{func(w http.ResponseWriter) { writeError(w, wire.ReplayedNonce("x")) }}, []time.Duration{0}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := start(t)
			var pauses []time.Duration
			client := l.client(t, digime.Paused(func(d time.Duration) { pauses = append(pauses, d) }))
			if _, err := client.ContractDetails(t.Context(), l.Write.parse(t)); err != nil { // a connection to be used again
				t.Fatal(err)
			}
			l.answerOnce("contract", test.answers...)
			_, err := client.ContractDetails(t.Context(), l.Write.parse(t))
			var e *digime.Error
			if test.fails == 0 && err != nil || test.fails != 0 && (!errors.As(err, &e) || e.Status != test.fails) {
				t.Errorf("error %v, want status %d", err, test.fails)
			}
			if len(pauses) != len(test.pauses) {
				t.Fatalf("pauses %v, want about %v", pauses, test.pauses)
			}
			for i, want := range test.pauses {
				if pauses[i] < want || pauses[i] > want+want/5 {
					t.Errorf("pauses %v, want about %v", pauses, test.pauses)
				}
			}
			// The library has refused any nonce that it has seen before; that each
			// attempt has one of its own shows also where it did not look.
			nonces := map[string]bool{}
			for _, r := range l.seen("contract") {
				nonces[r.claims.Nonce] = true
			}
			if len(nonces) != len(test.pauses)+2 || len(l.seen("contract")) != len(nonces) {
				t.Errorf("%d nonces in %d attempts", len(nonces), len(l.seen("contract")))
			}
			for _, r := range l.seen("contract") {
				if r.header.Get("Transfer-Encoding") != "" || r.header.Get("Content-Length") != "" {
					t.Errorf("a GET with a body: %v", r.header)
				}
			}
		})
	}
}

func TestRetriesByMethod(t *testing.T) {
	l := start(t)
	user := l.user(t, l.Read)
	contract := l.Read.parse(t)
	for name, test := range map[string]struct {
		suffix string
		call   func() error
		want   int
	}{
		"DELETE":       {"/user", func() error { return user.DeleteUser(t.Context()) }, 2},
		"POST trigger": {"/trigger", func() error { _, err := user.ReadSession(t.Context(), digime.SessionOptions{}); return err }, 1},
		"POST authorize": {"/authorize", func() error {
			_, err := l.client(t).Authorize(t.Context(), contract, digime.AuthorizeOptions{Callback: l.Callback})
			return err
		}, 1},
		"GET key set": {"/jwks/oauth", func() error {
			_, err := l.client(t).Authorize(t.Context(), contract, digime.AuthorizeOptions{Callback: l.Callback})
			return err
		}, 2},
	} {
		l.answerOnce(test.suffix, status(503))
		before := len(l.seen(test.suffix))
		err := test.call()
		if (err == nil) != (test.want == 2) {
			t.Errorf("%s: error %v", name, err)
		}
		if n := len(l.seen(test.suffix)) - before; n != test.want {
			t.Errorf("%s: %d requests, want %d", name, n, test.want)
		}
	}
}

func TestRetriesOption(t *testing.T) {
	l := start(t)
	l.answerOnce("contract", status(503), status(503), status(503))
	if _, err := l.client(t, digime.Retries(0)).ContractDetails(t.Context(), l.Write.parse(t)); err == nil || len(l.seen("contract")) != 1 {
		t.Errorf("error %v after %d requests", err, len(l.seen("contract")))
	}
	if _, err := digime.New("app", digime.Retries(-1)); err == nil {
		t.Error("a negative number was accepted")
	}
}

// The context's end ends a pause, and the error says what it waited for.
func TestRetryStops(t *testing.T) {
	l := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	client := l.client(t, digime.Paused(func(time.Duration) { cancel() }))
	l.answerOnce("contract", status(503))
	_, err := client.ContractDetails(ctx, l.Write.parse(t))
	var e *digime.Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Status != 503 {
		t.Errorf("error %v, want both the cancellation and the 503", err)
	}
}

func TestObserve(t *testing.T) {
	l := start(t)
	var seen []string
	client := l.client(t, digime.Observe(func(_ context.Context, a digime.Attempt) {
		seen = append(seen, fmt.Sprintf("%s %s %d %d %v", a.Method, a.Path, a.Number, a.Status, a.Err == nil))
		if a.Duration <= 0 {
			t.Errorf("duration %v", a.Duration)
		}
	}))
	user := client.User(l.Read.parse(t), l.token(l.Read))
	session := user.OpenSession(digime.SessionKey{Key: digime.NewSecret("secret-session")})
	l.answerOnce("secret-session", status(503), hangUp)
	if _, err := session.FileList(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _ = session.ReadFile(t.Context(), "secret-file")
	want := []string{
		"GET permission-access/query/{session} 1 503 false",
		"GET permission-access/query/{session} 2 0 false",
		"GET permission-access/query/{session} 3 200 true",
		"GET permission-access/query/{session}/{file} 1 404 false",
	}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("seen\n%s\nwant\n%s", strings.Join(seen, "\n"), strings.Join(want, "\n"))
	}
}

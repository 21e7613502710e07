package digime_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

func TestRetriesByResponse(t *testing.T) {
	type answer = digimetest.Failure
	const second, past = time.Second, "Tue, 24 Nov 2020 05:56:43 GMT"
	status, closed := digimetest.Status, digimetest.CloseConnection()
	replayed := digimetest.Refuse(digime.Error{Code: digime.CodeInvalidRequest, Status: 406})
	for _, test := range []struct {
		name    string
		answers []answer
		pauses  []time.Duration // at least, and at most a fifth more
		fails   int             // the status, 0 for success
	}{
		{"once", []answer{status(503)}, []time.Duration{second}, 0},
		{"twice", []answer{status(500), status(429)}, []time.Duration{second, 2 * second}, 0},
		{"thrice", []answer{status(502), status(504), status(524)}, []time.Duration{second, 2 * second}, 524},
		{"closed", []answer{closed}, []time.Duration{0}, 0}, // on a connection that was used before
		{"closed again", []answer{closed, closed}, []time.Duration{0, 2 * second}, 0},
		{"not found", []answer{status(404)}, nil, 404},
		{"not implemented", []answer{status(501)}, nil, 501},
		{"too large", []answer{status(413)}, nil, 413},
		{"too large for now", []answer{status(413, "Retry-After", "3")}, []time.Duration{3 * second}, 0},
		{"told when", []answer{status(503, "Retry-After", "30")}, []time.Duration{30 * second}, 0},
		{"told too long", []answer{status(503, "Retry-After", "3600")}, nil, 503},
		{"told nonsense", []answer{status(503, "Retry-After", "soon")}, []time.Duration{second}, 0},
		{"told the past", []answer{status(503, "Retry-After", past)}, []time.Duration{second}, 0},
		{"redirected", []answer{status(301, "Location", "https://evil.example/")}, nil, 301},
		{"nonce used", []answer{replayed}, []time.Duration{0}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := start(t)
			var pauses []time.Duration
			contract := l.contract(t, l.WriteContract, digime.WithPauses(func(d time.Duration) {
				pauses = append(pauses, d)
			}))
			if _, err := contract.GetDetails(t.Context()); err != nil { // a connection to be used again
				t.Fatal(err)
			}
			l.FailNext(digimetest.EndpointContract, test.answers...)
			_, err := contract.GetDetails(t.Context())
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
			for _, r := range l.Requests(digimetest.EndpointContract) {
				nonces[r.Claims.Nonce] = true
			}
			if len(nonces) != len(test.pauses)+2 || l.count(digimetest.EndpointContract) != len(nonces) {
				t.Errorf("%d nonces in %d attempts", len(nonces), l.count(digimetest.EndpointContract))
			}
			for _, r := range l.Requests(digimetest.EndpointContract) {
				if r.Header.Get("Transfer-Encoding") != "" || r.Header.Get("Content-Length") != "" {
					t.Errorf("a GET with a body: %v", r.Header)
				}
			}
		})
	}
}

func TestRetriesByMethod(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	authorize := func() error {
		_, err := l.read(t).Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
		return err
	}
	for name, test := range map[string]struct {
		endpoint digimetest.Endpoint
		call     func() error
		want     int
	}{
		"DELETE": {digimetest.EndpointDeleteAccount, func() error {
			return user.DeleteAccount(t.Context(), "1_person")
		}, 2},
		"POST trigger": {digimetest.EndpointSession, func() error {
			_, err := user.StartSession(t.Context(), digime.SessionOptions{})
			return err
		}, 1},
		"POST authorize": {digimetest.EndpointAuthorize, authorize, 1},
		"GET key set":    {digimetest.EndpointKeys, authorize, 2},
	} {
		l.FailNext(test.endpoint, digimetest.Status(503))
		before := l.count(test.endpoint)
		err := test.call()
		if (err == nil) != (test.want == 2) {
			t.Errorf("%s: error %v", name, err)
		}
		if n := l.count(test.endpoint) - before; n != test.want {
			t.Errorf("%s: %d requests, want %d", name, n, test.want)
		}
	}
}

func TestRetriesOption(t *testing.T) {
	l := start(t)
	l.FailNext(digimetest.EndpointContract, digimetest.Status(503))
	_, err := l.contract(t, l.WriteContract, digime.WithRetries(0)).GetDetails(t.Context())
	if err == nil || l.count(digimetest.EndpointContract) != 1 {
		t.Errorf("error %v after %d requests", err, l.count(digimetest.EndpointContract))
	}
	pauses := []time.Duration{}
	many := l.contract(t, l.WriteContract, digime.WithRetries(70), digime.WithPauses(func(d time.Duration) {
		pauses = append(pauses, d)
	}))
	for range 70 {
		l.FailNext(digimetest.EndpointContract, digimetest.Status(503))
	}
	if _, err := many.GetDetails(t.Context()); err != nil || len(pauses) != 70 || pauses[69] > 2*time.Minute {
		t.Errorf("error %v after %d pauses, the last of %s", err, len(pauses), pauses[69])
	}
}

// The context's end ends a pause, and the error says what it waited for.
func TestRetryStops(t *testing.T) {
	l := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	contract := l.contract(t, l.WriteContract, digime.WithPauses(func(time.Duration) { cancel() }))
	l.FailNext(digimetest.EndpointContract, digimetest.Status(503))
	_, err := contract.GetDetails(ctx)
	var e *digime.Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Status != 503 {
		t.Errorf("error %v, want both the cancellation and the 503", err)
	}
}

func TestObserver(t *testing.T) {
	l := start(t)
	var seen []string
	contract := l.contract(t, l.ReadContract, digime.WithObserver(func(_ context.Context, a digime.RequestEvent) {
		seen = append(seen, fmt.Sprintf("%s %s %d %d %v", a.Method, a.Path, a.Attempt, a.Status, a.Err == nil))
		if a.Duration <= 0 {
			t.Errorf("duration %v", a.Duration)
		}
	}))
	user := contract.User(l.Token(l.ReadContract))
	session := user.ResumeSession(digime.SessionKey{Key: digime.NewSecret("secret-session")})
	l.FailNext(digimetest.EndpointFiles, digimetest.Status(503), digimetest.CloseConnection())
	if _, err := session.ListFiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, _ = session.OpenFile(t.Context(), "secret-file")
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

package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// Where a body breaks off, nothing of it is kept.
func TestBodyCut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writer := w.Person().Allows(w.write)
	const large = 1 << 20
	for _, tt := range []struct{ name, header, body string }{
		{"none of it", "Content-Length: 1000", ""},
		{"a small one", "Content-Length: 1000", strings.Repeat("x", 500)},
		{"at the threshold", fmt.Sprintf("Content-Length: %d", library.InlineLimit+1),
			strings.Repeat("x", library.InlineLimit)},
		{"a large one", fmt.Sprintf("Content-Length: %d", large), strings.Repeat("x", 300_000)},
		{"all but a byte", fmt.Sprintf("Content-Length: %d", large), strings.Repeat("x", large-1)},
		{"before the first chunk", "Transfer-Encoding: chunked", ""},
		{"mid-chunk", "Transfer-Encoding: chunked", chunkOf(100) + "64\r\nxxx"},
		{"between chunks", "Transfer-Encoding: chunked", chunkOf(100)},
		{"before the last line", "Transfer-Encoding: chunked", chunkOf(100) + "0\r\n"},
		{"mid-chunk, large", "Transfer-Encoding: chunked", chunkOf(300_000) + "fffff\r\nxxx"},
		{"between chunks, large", "Transfer-Encoding: chunked", chunkOf(300_000)},
		{"no chunk at all", "Transfer-Encoding: chunked", "zz\r\nxxx\r\n"},
		{"a chunk without its end", "Transfer-Encoding: chunked", "3\r\nxxxxx"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.Unchanged("a body that was cut off", func() {
				l := w.dial(t)
				if err := l.say("%s%s", w.head(writer, tt.header), tt.body); err != nil {
					t.Fatal(err)
				}
				if err := l.CloseWrite(); err != nil {
					t.Fatal(err)
				}
				w.refused(t, l.hear("POST"), bad("the body was cut off"))
				if !l.ended() {
					t.Error("the connection stays")
				}
			})
		})
		t.Run(tt.name+", client gone", func(t *testing.T) {
			logged := len(w.Log.Lines("call refused"))
			w.Unchanged("a client that left", func() {
				l := w.dial(t)
				if err := l.say("%s%s", w.head(writer, tt.header), tt.body); err != nil {
					t.Fatal(err)
				}
				_ = l.Close()
				carreltest.Eventually(t, "the server has noticed", func() bool {
					return len(w.Log.Lines("call refused")) > logged
				})
			})
		})
	}
	w.works(t)
}

// A client that stops sending is not waited for longer than the patience, whatever it
// was about to do; its connection is ended.
func TestBodySlow(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.IdleTimeout = 200 * time.Millisecond })
	anna := w.Person()
	old := anna.Allows(w.write)
	w.Clock.Moves(25 * time.Hour)
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	slow := refusal{408, wire.CodeValidationErrors, "Parameter validation errors: the body came too slowly"}
	slowly := []struct {
		name, head, body string
		want             refusal
	}{
		{"none of it", w.head(writer, "Content-Length: 1000"), "", slow},
		{"a part", w.head(writer, "Content-Length: 1000"), "xxx", slow},
		{"a part of a large one", w.head(writer, "Content-Length: 10000000"), strings.Repeat("x", 200_000), slow},
		{"a part of a chunk", w.head(writer, "Transfer-Encoding: chunked"), "64\r\nxxx", slow},
		{"no last chunk", w.head(writer, "Transfer-Encoding: chunked"), chunkOf(200_000), slow},
		{"JSON", w.headOf("POST", "permission-access/trigger", w.as(reader, nil), "Content-Length: 10"), "{", slow},
		{"with an expired token", w.head(old, "Content-Length: 1000"), "xxx", expired(wire.KindAccessToken)},
		{"with an expired token, large", w.head(old, "Content-Length: 10000000"), strings.Repeat("x", 200_000),
			expired(wire.KindAccessToken)},
		{"with an expired token, in chunks", w.head(old, "Transfer-Encoding: chunked"), chunkOf(100),
			expired(wire.KindAccessToken)},
		{"to a call that reads no body", w.headOf("POST", "permission-access/nosuchcall", "", "Content-Length: 10"),
			"x", notFound("Call")},
	}
	w.Unchanged("a slow body", func() {
		t.Run("all", func(t *testing.T) {
			for _, tt := range slowly {
				t.Run(tt.name, func(t *testing.T) {
					t.Parallel()
					l := w.dial(t)
					began := time.Now()
					if err := l.say("%s%s", tt.head, tt.body); err != nil {
						t.Fatal(err)
					}
					a := l.hear("POST")
					w.refused(t, a, tt.want)
					if !a.Close {
						t.Error("the answer does not say that the connection ends")
					}
					if !l.ended() {
						t.Error("the connection stays")
					}
					if took := time.Since(began); took > 10*time.Second {
						t.Errorf("it took %v", took)
					}
				})
			}
		})
	})
}

// A client that sends steadily may take much longer than the patience.
func TestBodySteady(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.IdleTimeout = 200 * time.Millisecond })
	writer := w.Person().Allows(w.write)
	l := w.dial(t)
	if err := l.say("%s", w.head(writer, "Transfer-Encoding: chunked")); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		time.Sleep(50 * time.Millisecond)
		if err := l.say("%s", chunkOf(10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.say("0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if a := l.hear("POST"); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// A client that stops taking its file is not waited for either.
func TestTakenSlowly(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.IdleTimeout = 200 * time.Millisecond })
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	w.mustSend(t, w.push(writer, w.as(writer, nil), io.LimitReader(zeros{}, 32<<20)), nil)
	session := w.session(t, reader)
	name := w.names(t, reader, session)[0]
	l := w.dial(t)
	if err := l.say("%s", w.headOf("GET", "permission-access/query/"+session+"/"+name, w.as(reader, nil))); err != nil {
		t.Fatal(err)
	}
	carreltest.Eventually(t, "the answer is broken off",
		func() bool { return len(w.Log.Lines("answer broken off")) > 0 })
	resp, err := http.ReadResponse(l.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil || n >= resp.ContentLength {
		t.Errorf("%d of %d bytes and error %v: a client takes it for the whole file", n, resp.ContentLength, err)
	}
	w.works(t)
}

// zeros is content without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// What is larger than the operator allows is refused, read to its end and kept
// nowhere.
func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1000, library.InlineLimit, 100_000, 1_000_000} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			w := newWorld(t, func(c *server.Config) { c.MaxFileSize = int64(most) })
			writer := w.Person().Allows(w.write)
			tooLarge := refusal{
				413,
				wire.CodePayloadTooLarge,
				fmt.Sprintf("The file is larger than the %d bytes that are allowed here", most),
			}
			for _, size := range []int{most + 1, most + 5<<20} {
				content := make([]byte, size)
				w.refuses(t, w.push(writer, w.as(writer, nil), bytes.NewReader(content)), tooLarge)
				known := w.push(writer, w.as(writer, nil), nil)
				known.body = bytes.NewReader(content)
				w.refuses(t, known, tooLarge)
			}
			w.mustSend(t, w.push(writer, w.as(writer, nil), bytes.NewReader(make([]byte, most))), nil)
		})
	}
}

// A client reads no answer before it has sent its body: an error to a large push is
// heard all the same, on a connection that is kept.
func TestErrorWhileSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	old := anna.Allows(w.write)
	w.Clock.Moves(25 * time.Hour)
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	const size = 5 << 20
	content := strings.Repeat("x", size)
	for _, tt := range []struct {
		name, head string
		want       refusal
	}{
		{"expired token", w.head(old, fmt.Sprintf("Content-Length: %d", size)), expired(wire.KindAccessToken)},
		{"read contract", w.head(reader, fmt.Sprintf("Content-Length: %d", size)), noScope},
		{"no token", w.headOf("POST", "permission-access/import", "", fmt.Sprintf("Content-Length: %d", size)),
			badBearer("bearer token")},
		{"no descriptor", w.headOf("POST", "permission-access/import", w.as(writer, nil),
			fmt.Sprintf("Content-Length: %d", size)), bad("FileDescriptor is required")},
		{"no call", w.headOf("POST", "nosuchcall", "", fmt.Sprintf("Content-Length: %d", size)), notFound("Call")},
		{"no clean path", w.headOf("POST", "permission-access//import", "", fmt.Sprintf("Content-Length: %d", size)),
			notFound("Call")},
		{"JSON too long", w.headOf("POST", "permission-access/trigger", w.as(reader, nil),
			fmt.Sprintf("Content-Length: %d", size)),
			refusal{413, wire.CodePayloadTooLarge, "The body is too long"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := w.dial(t)
			for range 2 {
				if err := l.say("%s%s", tt.head, content); err != nil {
					t.Fatalf("send: %v", err)
				}
				a := l.hear("POST")
				if a.StatusCode == 406 && tt.want.status != 406 {
					break // the second time, whose nonce is used up
				}
				w.refused(t, a, tt.want)
			}
			if err := l.say("%s", w.headOf("GET", "permission-access/contract", w.bearer(w.read, nil))); err != nil {
				t.Fatal(err)
			}
			if a := l.hear("GET"); a.StatusCode != 200 {
				t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
			}
		})
	}
}

// A client that asks before it sends is refused without being asked to send.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *server.Config) { c.IdleTimeout = time.Second })
	anna := w.Person()
	old := anna.Allows(w.write)
	w.Clock.Moves(25 * time.Hour)
	writer := anna.Allows(w.write)
	for _, header := range []string{"Content-Length: 5242880", "Content-Length: 10", "Transfer-Encoding: chunked"} {
		t.Run("refused/"+header, func(t *testing.T) {
			t.Parallel()
			l := w.dial(t)
			if err := l.say("%s", w.head(old, header, "Expect: 100-continue")); err != nil {
				t.Fatal(err)
			}
			a := l.hear("POST")
			if a.StatusCode == 100 {
				t.Fatal("the server asks for a body that it will not take")
			}
			w.refused(t, a, expired(wire.KindAccessToken))
			if !a.Close || !l.ended() {
				t.Error("the connection stays, and what comes next on it may be a body")
			}
		})
	}
	t.Run("taken", func(t *testing.T) {
		l := w.dial(t)
		if err := l.say("%s", w.head(writer, "Content-Length: 10", "Expect: 100-continue")); err != nil {
			t.Fatal(err)
		}
		if a := l.hear("POST"); a.StatusCode != 100 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if err := l.say("0123456789"); err != nil {
			t.Fatal(err)
		}
		if a := l.hear("POST"); a.StatusCode != 200 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

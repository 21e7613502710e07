package api_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

var base64std = base64.StdEncoding.Strict()

// lower is a header that has no other than a lower-case name on the wire; Go's client
// gives it the canonical one.
func lower(h http.Header, name string) string { return h.Get(name) }

// An error repeats what the caller sent: as it is in the body, and in a header with
// everything percent-encoded that no header can hold.
func TestErrorMessageEncoded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uri := "https://evil.example/☂\r\nSet-Cookie: a=b\x00\x7f\t%zz é"
	a := w.refuses(t, post("oauth/authorize", w.bearer(w.read, authorizing(claims{"redirect_uri": uri})), ""),
		refusal{400, wire.CodeInvalidRedirectURI, "The redirect_uri (" + uri + ") is invalid"})
	want := "The redirect_uri (https://evil.example/%E2%98%82%0D%0ASet-Cookie: a=b%00%7F%09%zz %C3%A9) is invalid"
	if got := a.Header.Get("X-Error-Message"); got != want {
		t.Errorf("header %q\nwant   %q", got, want)
	}
	if a.Header.Get("Set-Cookie") != "" {
		t.Error("the caller wrote a header")
	}
}

// The head of a file's answer is as clients need it, to the letter.
func TestFileHead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	sizes := map[int]bool{0: true, 15: true, 16: true, 5 << 20: true}
	for size := range sizes {
		w.mustSend(t, w.push(writer, w.as(writer, nil), bytes.NewReader(make([]byte, size))), nil)
	}
	session := w.session(t, reader)
	names := w.names(t, reader, session)
	if len(names) != len(sizes) {
		t.Fatalf("%d files", len(names))
	}
	l := w.dial(t)
	for _, name := range names {
		for _, method := range []string{"HEAD", "GET"} {
			err := l.say("%s", w.headOf(method, "permission-access/query/"+session+"/"+name, w.as(reader, nil)))
			if err != nil {
				t.Fatal(err)
			}
			var head strings.Builder
			for !strings.HasSuffix(head.String(), "\r\n\r\n") {
				text, err := l.in.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				head.WriteString(text)
			}
			_, rest, ok := strings.Cut(head.String(), "\r\nx-metadata: ")
			if !ok {
				t.Fatalf("no x-metadata in lower case:\n%s", head.String())
			}
			metadata, _, _ := strings.Cut(rest, "\r\n")
			if _, err := base64std.DecodeString(metadata); err != nil {
				t.Errorf("x-metadata %q: %v", metadata, err)
			}
			resp, err := http.ReadResponse(newReader(head.String()), &http.Request{Method: "HEAD"})
			if err != nil {
				t.Fatal(err)
			}
			if resp.ContentLength < wire.MinEnvelope || resp.ContentLength%16 != 0 {
				t.Errorf("Content-Length %d", resp.ContentLength)
			}
			if _, err := http.ParseTime(resp.Header.Get("Last-Modified")); err != nil {
				t.Errorf("Last-Modified: %v", err)
			}
			if resp.Header.Get("Cache-Control") != "no-store" {
				t.Error("a cache may keep the answer")
			}
			if method == "GET" {
				if _, err := l.in.Discard(int(resp.ContentLength)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// No cache keeps an answer that holds a secret, and none is read as something else.
func TestAnswersAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	for name, r := range map[string]request{
		"token":     post("oauth/token", w.bearer(w.read, refreshing(reader)), ""),
		"authorize": post("oauth/authorize", w.bearer(w.read, authorizing(nil)), ""),
		"trigger":   post("permission-access/trigger", w.as(reader, nil), ""),
		"list":      get("permission-access/query/"+w.session(t, reader), w.as(reader, nil)),
		"accounts":  get("permission-access/accounts", w.as(reader, nil)),
		"error":     get("permission-access/accounts", ""),
	} {
		t.Run(name, func(t *testing.T) {
			a := w.send(t, r)
			if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("headers %v", a.Header)
			}
			if bytes.Contains(a.body, []byte("null")) {
				t.Errorf("null in %s", a.body)
			}
		})
	}
	// An empty list is a list.
	a := w.mustSend(t, get("permission-access/query/"+w.session(t, reader), w.as(reader, nil)), nil)
	if !bytes.Contains(a.body, []byte(`"fileList":[]`)) {
		t.Errorf("%s", a.body)
	}
}

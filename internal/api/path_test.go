package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
)

// Whatever is no call is answered as one that is not there, and never by a redirect:
// a redirected POST comes with a nonce that is used up.
func TestNoSuchCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct{ method, path string }{
		{"GET", "/v1.7"},
		{"GET", "/v1.7/"},
		{"GET", "/v1.7/nosuchcall"},
		{"POST", "/v1.7/oauth"},
		{"POST", "/v1.7/oauth/token/"},
		{"POST", "/v1.7/oauth//token"},
		{"POST", "/v1.7//oauth/token"},
		{"POST", "/v1.7/oauth/./token"},
		{"POST", "/v1.7/x/../oauth/token"},
		{"GET", "/v1.7/../sign-in"},
		{"POST", "/v1.7/oauth/%2e%2e/oauth/token"},
		{"POST", "/v1.7/oauth%2Ftoken"},
		{"POST", "/v1.7/OAUTH/token"},
		{"POST", "/v1.7/oauth/token;x"},
		{"GET", "/v1.6/permission-access/contract"},
		{"GET", "/v1.70/permission-access/contract"},
		{"GET", "/v1.7/oauth/token"},
		{"PUT", "/v1.7/oauth/token"},
		{"PATCH", "/v1.7/oauth/token"},
		{"OPTIONS", "/v1.7/oauth/token"},
		{"POST", "/v1.7/permission-access/contract"},
		{"DELETE", "/v1.7/permission-access/contract"},
		{"POST", "/v1.7/jwks/oauth"},
		{"GET", "/v1.7/user"},
		{"PURGE", "/v1.7/user"},
		{"HEAD", "/v1.7/user"},
		{"GET", "/v1.7/permission-access/import"},
		{"GET", "/v1.7/permission-access/query"},
		{"GET", "/v1.7/permission-access/query/a/b/c"},
		{"POST", "/v1.7/permission-access/query/a"},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			r := request{method: tt.method, path: tt.path}
			if tt.method != "GET" && tt.method != "HEAD" {
				r.bearer, r.body = w.bearer(w.write, nil), strings.NewReader("{}")
			}
			w.refuses(t, r, notFound("Call"))
		})
	}
}

// A client that joins a base and a path badly is told, not sent elsewhere.
func TestUncleanRoot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"//v1.7/oauth/token", "/./v1.7/oauth/token", "/x/../v1.7/oauth/token",
		"/%2e/v1.7/oauth/token"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			t.Run(method+" "+path, func(t *testing.T) {
				l := w.dial(t)
				err := l.say("%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n", method, path, w.address)
				if err != nil {
					t.Fatal(err)
				}
				a := l.hear(method)
				a.Request = &http.Request{Method: method}
				w.refused(t, a, notFound("Call"))
			})
		}
	}
}

// A session or file of an odd name is one that is not there.
func TestOddNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	session := w.session(t, reader)
	for _, name := range []string{
		"a%2Fb", "a%00b", "%00", "a%0D%0Ab", "a%20b", "+", "%E2%98%82", "%FF", "a:b", "a\\b", "a%5Cb", "*", "$", "~",
		"'", "%22",
		"a%3Fb", "a%23b", "a%252Fb", "...%2Fa", "{session}", strings.Repeat("a", 129), strings.Repeat("a", 5000),
	} {
		t.Run(name[:min(len(name), 20)], func(t *testing.T) {
			want := notFound("Session")
			w.refuses(t, get("permission-access/query/"+name, w.as(reader, nil)), want)
			w.refuses(t, get("permission-access/query/"+name+"/x.json", w.as(reader, nil)), want)
			w.refuses(t, get("permission-access/query/"+session+"/"+name, w.as(reader, nil)), notFound("File"))
			w.refuses(t, request{method: "HEAD", path: "permission-access/query/" + session + "/" + name,
				bearer: w.as(reader, nil)}, notFound("File"))
		})
	}
	for _, name := range []string{".", "..", "%2e", "%2E%2e", "a%2F..", "..%2F..%2F..", "%2F", "%2Fetc",
		"%2Fetc%2F..", "a%2F%2Fb", "a%2F"} {
		t.Run(name, func(t *testing.T) {
			w.refuses(t, request{method: "GET", path: "/v1.7/permission-access/query/" + session + "/" + name,
				bearer: w.as(reader, nil)}, notFound("Call"))
		})
	}
}

// The headers of an error to a HEAD say all that there is to say.
func TestHeadErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	for name, tt := range map[string]struct {
		bearer string
		want   refusal
	}{
		"no token":        {"", badBearer("bearer token")},
		"expired token":   {w.bearer(w.read, claims{"access_token": "x"}), invalid(wire.KindAccessToken)},
		"unknown session": {w.as(reader, nil), notFound("Session")},
	} {
		t.Run(name, func(t *testing.T) {
			r := request{method: "HEAD", path: "permission-access/query/nosuchsession/x", bearer: tt.bearer}
			if a := w.refuses(t, r, tt.want); len(a.body) > 0 || a.ContentLength <= 0 {
				t.Errorf("body %q, length %d: want none, and the length that a GET has", a.body, a.ContentLength)
			}
		})
	}
}

// Headers beyond any honest size end the connection, not the server.
func TestHugeHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, header := range map[string]string{
		"one":  "X-Long: " + strings.Repeat("x", 100<<10) + "\r\n",
		"many": strings.Repeat("X-Many: x\r\n", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			l := w.dial(t)
			_ = l.say("GET /v1.7/jwks/oauth HTTP/1.1\r\nHost: %s\r\n%s\r\n", w.address, header) // it may stop listening
			if a := l.hear("GET"); a.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%d", a.StatusCode)
			}
		})
	}
	// A descriptor and a token of the largest sizes are honest.
	a := w.send(t, request{method: "POST", path: "permission-access/import", bearer: strings.Repeat("x", wire.MaxToken),
		header: http.Header{"Filedescriptor": {strings.Repeat("x", wire.MaxToken)},
			"X-Other": {strings.Repeat("x", 8<<10)}}})
	w.refused(t, a, badBearer("bearer token"))
	w.works(t)
}

// What docs/openapi.json says of requests that reach no call: they get a line of text, and no error of the protocol.
func TestAnswersBeforeAnyCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const call = "POST /v1.7/oauth/token HTTP/1.1\r\nHost: x\r\n"
	for text, status := range map[string]int{
		"GET /v1.7/a% HTTP/1.1\r\nHost: x\r\n\r\n":                    400,
		"GET /v1.7/a%zz HTTP/1.1\r\nHost: x\r\n\r\n":                  400,
		"GET /v1.7/jwks/oauth HTTP/1.1\r\n\r\n":                       400,
		call + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n":       400,
		call + "X-Long: " + strings.Repeat("x", 100<<10) + "\r\n\r\n": 431,
		call + "Transfer-Encoding: gzip\r\n\r\n":                      501,
	} {
		t.Run(fmt.Sprintf("%.60q", text), func(t *testing.T) {
			l := w.dial(t)
			_ = l.say("%s", text) // it may stop listening
			a := l.hear("GET")
			if a.StatusCode != status || a.Header.Get("X-Error-Code") != "" ||
				!strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") || !a.Close {
				t.Errorf("%d %v, want %d", a.StatusCode, a.Header, status)
			}
		})
	}
	w.works(t)
}

// A line that is no HTTP, and methods with a meaning of their own to proxies.
func TestNoHTTP(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, text := range []string{
		"\r\n\r\n", "hello\r\n\r\n", "GET /v1.7/jwks/oauth\r\n\r\n", "GET /v1.7/jwks/oauth HTTP/9.9\r\n\r\n",
		"GET  HTTP/1.1\r\n\r\n",
		"POST /v1.7/oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"POST /v1.7/oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"POST /v1.7/oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
		"POST /v1.7/oauth/token HTTP/1.1\r\nHost: x\r\nExpect: something\r\nContent-Length: 1\r\n\r\n",
		"CONNECT /v1.7/oauth/token HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "TRACE /v1.7/oauth/token HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		t.Run(fmt.Sprintf("%.30q", text), func(t *testing.T) {
			l := w.dial(t)
			if err := l.say("%s", text); err != nil {
				t.Fatal(err)
			}
			_ = l.CloseWrite()
			resp, err := http.ReadResponse(l.in, nil)
			if err != nil {
				return // ended without a word
			}
			defer resp.Body.Close()
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode < 400 && text[0] != 'O' || resp.StatusCode == 500 || resp.Header.Get("Location") != "" {
				t.Errorf("%d to %q", resp.StatusCode, resp.Header.Get("Location"))
			}
		})
	}
	w.works(t)
}

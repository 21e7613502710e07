package server_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/server"
)

// TestParsePublicURL: each URL is the origin that browsers send (RFC 6454), or refused with a reason.
func TestParsePublicURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://library.example.org":       "https://library.example.org",
		"https://library.example.org/":      "https://library.example.org",
		" https://library.example.org ":     "https://library.example.org",
		"HTTPS://Library.Example.ORG":       "https://library.example.org",
		"https://library.example.org:443":   "https://library.example.org",
		"https://library.example.org:0443/": "https://library.example.org",
		"https://library.example.org:":      "https://library.example.org",
		"https://library.example.org.":      "https://library.example.org",
		"https://library.example.org:8443":  "https://library.example.org:8443",
		"https://bücher.example":            "https://xn--bcher-kva.example",
		"https://BÜCHER.example:443":        "https://xn--bcher-kva.example",
		"https://faß.example":               "https://xn--fa-hia.example",
		"https://my_carrel.example":         "https://my_carrel.example",
		"https://192.0.2.1:443":             "https://192.0.2.1",
		"https://[2001:DB8:0::1]:443":       "https://[2001:db8::1]",
		"https://[2001:db8::1]:8443":        "https://[2001:db8::1]:8443",
		"http://127.0.0.1:80":               "http://127.0.0.1",
		"http://127.0.0.1:8080":             "http://127.0.0.1:8080",
		"http://[::1]:8080":                 "http://[::1]:8080",
		"http://LOCALHOST:8080":             "http://localhost:8080",
		"http://carrel.localhost":           "http://carrel.localhost",
	} {
		if u, err := server.ParsePublicURL(text, false); err != nil || u.String() != want {
			t.Errorf("%q: %v, %v, want %s", text, u, err, want)
		}
	}
	for text, reason := range map[string]string{
		"":                                  "want https://",
		"library.example.org":               "want https://",
		"ftp://library.example.org":         "want https://",
		"https://":                          "want https://",
		"https://anna@library.example.org":  "user name",
		"https://anna:pw@library.example":   "user name",
		"https://library.example.org/app":   "path",
		"https://library.example.org?x":     "query",
		"https://library.example.org?":      "query",
		"https://library.example.org#x":     "fragment",
		"https://library.example.org:0":     "port",
		"https://library.example.org:65536": "port",
		"https://library.example.org:x":     "port",
		"https://library..example":          "domain name",
		"https://a%zz.example":              "escape",
		"https://[fe80::1%25eth0]":          "zone",
		"https://192.0.2":                   "IPv4",
		"https://0x7f.1":                    "IPv4",
		"https://0300.0.2.1":                "IPv4",
		"http://library.example.org":        "without TLS",
		"http://192.0.2.1:8080":             "--allow-http",
		"http://0.0.0.0:8080":               "without TLS",
		"http://localhost.example":          "without TLS",
	} {
		u, err := server.ParsePublicURL(text, false)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: %v, %v, want an error with %q", text, u, err, reason)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("the error has the password: %v", err)
		}
	}
	if u, err := server.ParsePublicURL("http://Library.example:80", true); err != nil ||
		u.String() != "http://library.example" {
		t.Errorf("allowed: %v, %v", u, err)
	}
}

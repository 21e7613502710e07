package httpserve_test

import (
	"net/http"
	"testing"

	"github.com/carrelhq/carrel/internal/httpserve"
	"github.com/carrelhq/carrel/internal/netaddr"
)

// TestForwardedFor: an address is the same visitor in whatever form a proxy writes it.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		headers []string
		network string // empty if there is no address
	}{
		{[]string{"192.0.2.1"}, "192.0.2.1"},
		{[]string{"192.0.2.1:50123"}, "192.0.2.1"}, // Azure
		{[]string{"\"192.0.2.1\""}, "192.0.2.1"},
		{[]string{"::ffff:192.0.2.1"}, "192.0.2.1"},
		{[]string{"[::ffff:192.0.2.1]:443"}, "192.0.2.1"},
		{[]string{"2001:db8:0:1::7"}, "2001:db8:0:1::/64"},
		{[]string{"[2001:DB8:0:1::8]"}, "2001:db8:0:1::/64"},
		{[]string{"[2001:db8:0:1::9]:4711"}, "2001:db8:0:1::/64"},
		{[]string{"\"[2001:db8:0:1::a]:4711\""}, "2001:db8:0:1::/64"}, // quoted, as in RFC 7239
		{[]string{"2001:db8:0:1:ffff::1%eth0"}, "2001:db8:0:1::/64"},
		{[]string{"198.51.100.7, 192.0.2.1"}, "192.0.2.1"}, // what the client has sent comes first
		{[]string{"198.51.100.7", "203.0.113.9,192.0.2.1:1"}, "192.0.2.1"},
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"unknown"}, ""},
		{[]string{"_hidden"}, ""},
		{[]string{"192.0.2.1, unknown"}, ""}, // not what the client has sent in its place
		{[]string{"192.0.2.1,"}, ""},
		{[]string{"192.0.2.1:x"}, ""},
	} {
		a, ok := httpserve.ForwardedFor(http.Header{"X-Forwarded-For": tt.headers})
		if ok != (tt.network != "") || ok && netaddr.Network(a) != tt.network {
			t.Errorf("%q: %v, %v, want %q", tt.headers, a, ok, tt.network)
		}
	}
}

// FuzzForwardedFor: whatever is in the header, an address that is read is canonical.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"192.0.2.1", "[2001:db8::1]:443", "\"[::1]:1\"", "fe80::1%eth0", "a, b", "::ffff:1.2.3.4",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, ok := httpserve.ForwardedFor(http.Header{"X-Forwarded-For": {text}})
		if ok && (!a.IsValid() || a.Zone() != "" || a.Is4In6()) {
			t.Errorf("%q is read as %v", text, a)
		}
	})
}

package netaddr_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/netaddr"
)

// TestNetworkOf: what is one visitor counts as one, in whatever form the address is written.
func TestNetworkOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.1":                 "192.0.2.1",
		"192.0.2.1:443":             "192.0.2.1",
		"[::ffff:192.0.2.1]:443":    "192.0.2.1",
		"2001:db8:0:1::7":           "2001:db8:0:1::/64",
		"[2001:db8:0:1:f::1%e0]:80": "2001:db8:0:1::/64",
		"2001:db8:0:1::/64":         "2001:db8:0:1::/64",
		"@":                         "@",
		"":                          "",
	} {
		if got := netaddr.NetworkOf(text); got != want {
			t.Errorf("%q counts as %q, want %q", text, got, want)
		}
	}
}

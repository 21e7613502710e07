package medmij

import (
	"net/netip"
	"strings"
	"testing"
)

// A list has host names. IP addresses are refused, in every notation.
func TestHost(t *testing.T) {
	local := listReader{loopback: true}
	for _, tt := range []struct {
		host        string
		real, local bool
	}{
		{"medmij.example.nl", true, true},
		{"rcf-rso.nl", true, true},
		{"10.example.nl", true, true},
		{"1.2.3.example.nl", true, true},
		{"zorg.xn--p1ai", true, true},
		{"example.n1", true, true},
		{"10.0.0.12", false, false},
		{"169.254.169.254", false, false},
		{"192.168.100.200", false, false},
		{"0x7f.0x00.0x00.0x01", false, false},
		{"0177.00.00.01", false, false},
		{"127.00.00.01", false, false},
		{"127.0x01", false, false},
		{"2130706433.12", false, false},
		{"example.1a", false, false},
		{"example.123", false, false},
		{"2001:db8::10", false, false},
		{"fe80::1%eth0", false, false},
		{"::ffff:10.0.0.12", false, false},
		// Those of this machine, for the simulator.
		{"127.0.0.1", false, true},
		{"127.0.0.10", false, true},
		{"::1", false, true},
		{"localhost", false, true},
	} {
		address := "https://" + tt.host + ":8443/x"
		if strings.Contains(tt.host, ":") {
			address = "https://[" + strings.Replace(tt.host, "%", "%25", 1) + "]:8443/x"
		}
		for _, c := range []struct {
			rules listReader
			want  bool
		}{{strictReader, tt.real}, {local, tt.local}} {
			for what, err := range map[string]error{"host": c.rules.checkHost(tt.host),
				"back": c.rules.checkBackchannelURL(address)} {
				if (err == nil) != c.want {
					t.Errorf("%s %s, loopback %v: %v, want it taken: %v", what, tt.host, c.rules.loopback, err, c.want)
				}
			}
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"medmij.example.nl", "10.0.0.12", "::1", "0x7f.0x00.0x00.0x01", "1.2.3.4a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if _, err := netip.ParseAddr(host); err == nil && strictReader.checkHost(host) == nil {
			t.Errorf("%q is an address", host)
		}
	})
}

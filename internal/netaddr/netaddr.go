// Package netaddr reads network addresses as servers and proxies write them, and says which of them count as one
// visitor. The limits on connections and requests and those on passwords count by the same rule.
package netaddr

import (
	"net/netip"
	"strings"
)

// ipv6Network is the length of the prefix that counts as one visitor in IPv6: a home or a phone has that many addresses
// to choose from (RFC 6177).
const ipv6Network = 64

// Parse reads an address with and without a port, in quotation marks, IPv6 with and without brackets. It returns the
// canonical address: without a zone, and IPv4 that is mapped into IPv6 as IPv4. It returns false for any other text.
func Parse(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t\"")
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return canonical(withPort.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	address, err := netip.ParseAddr(text)
	return canonical(address), err == nil
}

func canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// NetworkOf returns by what an address is counted: itself in IPv4, and its network of 64 bits in IPv6. A text that is
// no address counts as it is.
func NetworkOf(text string) string {
	a, ok := Parse(text)
	if !ok {
		return text
	}
	return Network(a)
}

// Network is [NetworkOf] for an address that was parsed.
func Network(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	prefix, err := a.Prefix(ipv6Network)
	if err != nil { // the zero address
		return a.String()
	}
	return prefix.String()
}

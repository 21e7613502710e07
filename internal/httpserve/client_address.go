package httpserve

import (
	"net/http"
	"net/netip"
	"strings"
)

// ipv6Network is the length of the prefix that counts as one visitor in IPv6: a home or a phone has that many addresses
// to choose from (RFC 6177).
const ipv6Network = 64

// ForwardedFor returns the address that the nearest proxy has seen a request come from: the last one in
// X-Forwarded-For. It returns false if there is none, or one that cannot be read.
func ForwardedFor(h http.Header) (netip.Addr, bool) {
	all := h.Values("X-Forwarded-For")
	if len(all) == 0 {
		return netip.Addr{}, false
	}
	list := all[len(all)-1]
	return parseAddress(list[strings.LastIndexByte(list, ',')+1:])
}

// parseAddress reads an address as proxies write it: with and without a port, in quotation marks, IPv6 with and without
// brackets. It returns the canonical address: without a zone, and IPv4 that is mapped into IPv6 as IPv4.
func parseAddress(text string) (netip.Addr, bool) {
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

// AddressOf returns the canonical address of a "host:port", or of a host alone; false if it has none.
func AddressOf(remote string) (netip.Addr, bool) { return parseAddress(remote) }

// ClientOf returns the address of a request's client, as the log has it.
func ClientOf(r *http.Request) string {
	if a, ok := AddressOf(r.RemoteAddr); ok {
		return a.String()
	}
	return r.RemoteAddr
}

// NetworkOf returns by what a request's client is counted: see [Network].
func NetworkOf(r *http.Request) string {
	if a, ok := AddressOf(r.RemoteAddr); ok {
		return Network(a)
	}
	return r.RemoteAddr
}

// Network returns by what an address is counted: itself in IPv4, and its network of 64 bits in IPv6.
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

package httpserve

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/carrelhq/carrel/internal/netaddr"
)

// ForwardedFor returns the address that the nearest proxy has seen a request come from: the last one in
// X-Forwarded-For. It returns false if there is none, or one that cannot be read.
func ForwardedFor(h http.Header) (netip.Addr, bool) {
	all := h.Values("X-Forwarded-For")
	if len(all) == 0 {
		return netip.Addr{}, false
	}
	list := all[len(all)-1]
	return netaddr.Parse(list[strings.LastIndexByte(list, ',')+1:])
}

// ClientOf returns the address of a request's client, without its port.
func ClientOf(r *http.Request) string {
	if a, ok := netaddr.Parse(r.RemoteAddr); ok {
		return a.String()
	}
	return r.RemoteAddr
}

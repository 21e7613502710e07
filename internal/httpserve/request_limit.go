package httpserve

import (
	"net/http"
	"sync"

	"github.com/carrelhq/carrel/internal/netaddr"
)

// RequestLimit bounds how many requests of one client are under way: of an address, or of a network in IPv6. A nil
// RequestLimit bounds nothing.
type RequestLimit struct {
	limit int

	mu    sync.Mutex
	count map[string]int
}

// NewRequestLimit returns a limit of so many requests for each client; nil for zero.
func NewRequestLimit(limit int) *RequestLimit {
	if limit == 0 {
		return nil
	}
	return &RequestLimit{limit: limit, count: make(map[string]int)}
}

// Acquire counts a request until release is called. It returns false if its client has too many under way.
func (l *RequestLimit) Acquire(r *http.Request) (release func(), ok bool) {
	if l == nil {
		return func() {}, true
	}
	client := netaddr.NetworkOf(r.RemoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count[client] >= l.limit {
		return nil, false
	}
	l.count[client]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.count[client]--; l.count[client] == 0 {
			delete(l.count, client)
		}
	}, true
}

package simulator

import (
	"cmp"
	"log/slog"
	"time"
)

// Config says where a simulator stands and whom it knows.
type Config struct {
	// Front, Back and Lists are the addresses to listen on, all on loopback;
	// "127.0.0.1:0" when empty.
	FrontAddr, BackAddr, ListAddr string

	// FrontHTTP serves the pages that a browser sees over http; otherwise they are
	// served over TLS, with a certificate that no browser knows.
	FrontHTTP bool

	// ClientID is the host name of the one client on the OAuth client list;
	// "carrel.example" when empty. Its redirect URIs are any https address, and http
	// on loopback, without query and fragment.
	ClientID string

	// ClientName is its organisation's name there.
	ClientName string

	// Now is the clock that codes and tokens expire by; time.Now when nil. The
	// certificates go by real time.
	Now func() time.Time

	// Log hears of requests, never of what is in them; nil for silence.
	Log *slog.Logger

	// Folder keeps the authority and the client's certificate, so that a client need
	// not be set up anew; "" keeps them in memory.
	Folder string
}

func (c Config) withDefaults() Config {
	c.FrontAddr = cmp.Or(c.FrontAddr, "127.0.0.1:0")
	c.BackAddr = cmp.Or(c.BackAddr, "127.0.0.1:0")
	c.ListAddr = cmp.Or(c.ListAddr, "127.0.0.1:0")
	c.ClientID = cmp.Or(c.ClientID, "carrel.example")
	c.ClientName = cmp.Or(c.ClientName, "Carrel")
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

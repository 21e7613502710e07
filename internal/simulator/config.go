package simulator

import (
	"cmp"
	"log/slog"
	"time"
)

// Config configures a Simulator.
type Config struct {
	// FrontAddr, BackAddr and ListAddr are the addresses that the pages, the backchannel
	// and the lists listen on. They must be loopback addresses; the default is
	// "127.0.0.1:0".
	FrontAddr, BackAddr, ListAddr string

	// FrontHTTP serves the pages over plain HTTP. Otherwise they are served over TLS, with
	// a certificate that browsers do not accept.
	FrontHTTP bool

	// ClientID is the host name of the only client on the OAuth client list. The default is
	// "carrel.example". A redirect URI may be any https URL, or an http URL of a loopback
	// host, without query and fragment.
	ClientID string

	// ClientName is the client's name on the list. The default is "Carrel".
	ClientName string

	// Now is the clock for codes and tokens, [time.Now] if nil. Certificates use the
	// system's clock.
	Now func() time.Time

	// Log gets a record of each request, without its content. Nil discards them.
	Log *slog.Logger

	// Folder is where the authority and the client's certificate are stored, so that the
	// configuration of a client stays valid. If it is empty, they are not stored.
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

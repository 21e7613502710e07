package medmij

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/provider"
)

// defaultListURL is the pattern of the lists' addresses (Interfaces lijsten) for major
// release 2 of the Afsprakenstelsel.
const defaultListURL = "https://stelselnode.medmij.nl/MedMij_%s.xml?api=2"

// defaultUpdateInterval is the time between updates of the lists. How often MedMij
// wants them is unconfirmed.
const defaultUpdateInterval = 15 * time.Minute

// defaultServices returns the data services of delen: measurements, documents and
// answers to questionnaires. All of them use FHIR STU3.
func defaultServices() []string { return []string{"53", "57", "60"} }

// Config configures a Network.
type Config struct {
	// ListURL is the address of the lists, with %s for the list's name:
	// Zorgaanbiederslijst, OAuthclientlist, Whitelist or Gegevensdienstnamenlijst. The
	// default is MedMij's list server.
	ListURL string
	// ClientID is the host name of the node, exactly as on the OAuth client list.
	ClientID string
	Credentials
	// CacheFolder is where the last good lists are cached for the next start; not at all if
	// empty.
	CacheFolder string
	// UpdateInterval is the time between updates of the lists; 15 minutes if 0.
	UpdateInterval time.Duration
	// AllowLoopback allows what the simulator needs: loopback hosts on the lists, and for
	// them plain HTTP or a port in authorization endpoints.
	AllowLoopback bool
	// Services are the data services to send to; 53, 57 and 60 if empty.
	Services []string
	// SystemRoles maps a data service to the system role to send to, for providers that
	// list several. The codes of 53, 57 and 60 are unconfirmed, so there is no default.
	SystemRoles map[string]string
	// Now is the clock, [time.Now] if nil.
	Now func() time.Time
	// Log gets records for the operator. Nil discards them.
	Log *slog.Logger
	// ChainLog gets the records of the Logging interface. Nil discards them.
	ChainLog *slog.Logger
}

// withDefaults returns c with defaults for empty fields.
func (c Config) withDefaults() Config {
	c.ListURL = cmp.Or(c.ListURL, defaultListURL)
	c.UpdateInterval = cmp.Or(c.UpdateInterval, defaultUpdateInterval)
	if len(c.Services) == 0 {
		c.Services = defaultServices()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.ChainLog == nil {
		c.ChainLog = slog.New(slog.DiscardHandler)
	}
	return c
}

// check returns an error for the first setting that is not valid.
func (c Config) check() error {
	r := listReader{c.AllowLoopback}
	if err := r.checkHost(c.ClientID); err != nil {
		return fmt.Errorf("client id %s (--medmij-client-id): %w", quote(c.ClientID), err)
	}
	if strings.Count(c.ListURL, "%s") != 1 {
		return errors.New("address of the lists (--medmij-lists): it must contain %s once, for the name of a list")
	}
	u, err := url.Parse(c.listURL(nameZAL))
	if err != nil || u.Host == "" || u.User != nil {
		return errors.New("address of the lists (--medmij-lists): not a URL")
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && c.AllowLoopback && provider.IsLoopback(u.Hostname())) {
		return errors.New("address of the lists (--medmij-lists): not https")
	}
	if c.UpdateInterval < time.Second {
		return fmt.Errorf("update the lists every %v (--medmij-refresh): too often, at least 1s", c.UpdateInterval)
	}
	for _, id := range c.Services {
		if err := checkServiceID(id); err != nil {
			return fmt.Errorf("data service %s (--medmij-services): %w", quote(id), err)
		}
	}
	return nil
}

// listURL returns the address of a list.
func (c Config) listURL(name listName) string {
	return strings.Replace(c.ListURL, "%s", string(name), 1)
}

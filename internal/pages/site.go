package pages

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// site is all the pages with what they are made of.
type site struct {
	people     *library.People
	consents   *library.Consents
	files      *library.Files
	activity   *library.Activity
	accounts   *delivery.Connections
	deliveries *delivery.Queue
	catalogue  *catalogue.Catalogue

	config    Config
	cookies   cookies
	languages *languages
	assets    *assets
	templates templates
}

func newSite(c Config) *site {
	if c.Operator == "" {
		c.Operator = c.PublicURL.Hostname()
	}
	if c.Zone == nil {
		c.Zone = time.Local
	}
	languages, assets := loadLanguages(), loadAssets()
	return &site{
		people: c.People, consents: c.Consents, files: c.Files, activity: c.Activity,
		accounts: c.Accounts, deliveries: c.Deliveries, catalogue: c.Catalogue,
		config:    c,
		cookies:   cookies{secure: c.PublicURL.Scheme == "https"},
		languages: languages,
		assets:    assets,
		templates: loadTemplates(languages, assets, c.Zone),
	}
}

// visitor tells the library who stands at the door.
func (s *site) visitor(r *http.Request) library.Device {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	return library.Device{Kind: agentOf(r.UserAgent()), Address: address}
}

// The kinds of device that the activity tells apart.
const (
	agentPhone    = "phone"
	agentTablet   = "tablet"
	agentComputer = "computer"
)

// agentOf guesses the kind of device. It is told to nobody but the person, so a
// guess is good enough.
func agentOf(userAgent string) string {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(userAgent, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("iPad", "Tablet"), has("Android") && !has("Mobi"):
		return agentTablet
	case has("Mobi", "iPhone", "Android"):
		return agentPhone
	case has("Mozilla"):
		return agentComputer
	}
	return ""
}

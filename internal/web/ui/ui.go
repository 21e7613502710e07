package ui

import (
	"io/fs"
	"log/slog"
	"net/url"
	"time"
)

// Config is what every page needs to know of the site.
type Config struct {
	// Operator is who runs the site, by the name that people know.
	Operator string
	// PublicURL is where browsers reach the pages. Its scheme decides whether cookies are for TLS only, its origin
	// which forms are accepted.
	PublicURL *url.URL
	// Zone is the time zone of the site.
	Zone *time.Location
	// Templates are the folders of the pages' templates.
	Templates []fs.FS
	// Services has the names of services; nil for none.
	Services ServiceNames

	Now func() time.Time
	Log *slog.Logger
}

// UI renders pages and keeps what a browser remembers between them.
type UI struct {
	Config
	Cookies   Cookies
	Languages *Languages

	csrf      csrf
	assets    *assets
	templates templates
	repeats   repeats
}

// New loads texts, static files and templates. It panics if one of them is malformed, and so does Render for the
// template of a page: they are part of the program.
func New(c Config) *UI {
	if c.Services == nil {
		c.Services = noNames{}
	}
	languages, static := LoadLanguages(), loadAssets()
	return &UI{
		Config:    c,
		Cookies:   Cookies{secure: c.PublicURL.Scheme == "https"},
		Languages: languages,
		csrf:      csrf{c.PublicURL},
		assets:    static,
		templates: loadTemplates(c.Templates, languages, static, c.Zone),
		repeats:   repeats{forms: map[formKey]*formWork{}},
	}
}

// Formatter writes times and sizes in the language of the texts and in the time zone of the site.
func (u *UI) Formatter(t *Texts) Formatter { return Formatter{t, u.Zone} }

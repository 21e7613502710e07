package reference

import (
	"embed"
	"html/template"
	"net/http"
	"strconv"

	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Templates are the templates of the package's pages.
//
//go:embed templates/*.html
var Templates embed.FS

// Pages shows the description of the protocol.
type Pages struct{ ui *ui.UI }

// New returns the pages.
func New(u *ui.UI) *Pages { return &Pages{u} }

// page is the data of the page.
type page struct {
	*ui.Page
	// Description is the description as HTML, in English.
	Description template.HTML
}

// Show shows the description.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request) error {
	description, err := rendered()
	if err != nil {
		return err
	}
	title := ui.BrowserOf(r).Texts.Text("reference.h1")
	return p.ui.Render(w, http.StatusOK, "reference", &page{p.ui.NewPage(r, title), description})
}

// JSON answers with the description.
func (p *Pages) JSON(w http.ResponseWriter, _ *http.Request) error {
	return write(w, "application/json", docs.OpenAPI)
}

// YAML answers with the same text, for programs that look for that name: each JSON text is one of YAML 1.2 as well.
func (p *Pages) YAML(w http.ResponseWriter, _ *http.Request) error {
	return write(w, "application/yaml", docs.OpenAPI)
}

// PortabilityReport answers with the layout of the portability report, which the description refers to.
func (p *Pages) PortabilityReport(w http.ResponseWriter, _ *http.Request) error {
	return write(w, "application/xml", docs.PortabilityReport)
}

func write(w http.ResponseWriter, mediaType string, document []byte) error {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(document)))
	_, _ = w.Write(document) // a browser that has left needs no answer
	return nil
}

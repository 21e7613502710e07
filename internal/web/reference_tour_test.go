package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/openapi"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

// TestReferenceTour visits the reference for developers, with the script and without. It unfolds all examples. The page
// is long, so that it is checked once in each language.
func TestReferenceTour(t *testing.T) {
	inEachLanguage(t, func(tr *tour) {
		tr.open("/docs")
		tr.Eval(`String(document.querySelectorAll("details").forEach(d => { d.open = true }))`)
		tr.check("reference")
		tr.DisableScripts(true)
		tr.open("/docs")
		if n := tr.Eval(`String(document.querySelectorAll(".operation").length)`); n == "0" {
			tr.t.Error("no calls without scripts")
		}
	})
}

var (
	idPattern       = regexp.MustCompile(` id="([^"]*)"`)
	fragmentPattern = regexp.MustCompile(` href="#([^"]*)"`)
	resourcePattern = regexp.MustCompile(`(?: src| href| action|url\()="?([^"#][^"]*)`)
)

// TestReference reads the page: each call, each status and each schema is there, each link within the page leads
// somewhere, and nothing comes from elsewhere.
func TestReference(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	p := w.NewBrowser().Get("/docs")
	text := p.Body
	if p.Status != http.StatusOK {
		t.Fatalf("status %d: %s", p.Status, text)
	}
	ids := map[string]int{}
	for _, m := range idPattern.FindAllStringSubmatch(text, -1) {
		if ids[m[1]]++; ids[m[1]] > 1 {
			t.Errorf("the id %s is there twice", m[1])
		}
	}
	for _, m := range fragmentPattern.FindAllStringSubmatch(text, -1) {
		if ids[m[1]] == 0 {
			t.Errorf("#%s leads nowhere", m[1])
		}
	}
	for _, m := range resourcePattern.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "/") {
			t.Errorf("the page refers to %s", m[1])
		}
	}
	d, err := openapi.Parse(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range d.Operations() {
		_, section, found := strings.Cut(text, `id="`+strings.ToLower(o.ID)+`"`)
		section, _, _ = strings.Cut(section, "</section>")
		if !found || !strings.Contains(section, "<code>"+o.Method+" "+o.Path+"</code>") {
			t.Errorf("the page does not have %s %s", o.Method, o.Path)
		}
		for _, r := range o.Responses {
			if !strings.Contains(section, "<code>"+r.Name+" ") {
				t.Errorf("%s: the page does not have the status %s", o.ID, r.Name)
			}
		}
	}
	for _, s := range d.Components.Schemas {
		if ids["schema-"+strings.ToLower(s.Name)] == 0 {
			t.Errorf("the page does not have the schema %s", s.Name)
		}
	}
}

// TestReferenceFile gets the description itself.
func TestReferenceFile(t *testing.T) {
	t.Parallel()
	b := webtest.New(t).NewBrowser()
	for path, mediaType := range map[string]string{
		"/docs/openapi.json": "application/json", "/docs/openapi.yaml": "application/yaml",
	} {
		p := b.Get(path)
		if p.Status != http.StatusOK || p.Header.Get("Content-Type") != mediaType || !json.Valid([]byte(p.Body)) {
			t.Errorf("%s: %d, %s, %d bytes", path, p.Status, p.Header.Get("Content-Type"), len(p.Body))
		}
	}
	// The description refers to another file.
	const layout = "/docs/portability-report.xsd"
	p := b.Get(layout)
	if p.Status != http.StatusOK || p.Header.Get("Content-Type") != "application/xml" ||
		p.Body != string(docs.PortabilityReport) || !strings.Contains(string(docs.OpenAPI), "`"+layout+"`") {
		t.Errorf("%s: %d, %s, %d bytes", layout, p.Status, p.Header.Get("Content-Type"), len(p.Body))
	}
}

package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages by language and name.
type templates map[string]map[string]*template.Template

// shared are the files that every page is made with.
var shared = []string{"templates/layout.html", "templates/parts.html", "templates/fields.html"}

// loadTemplates reads the templates, which are part of the program: a fault in one
// is the program's.
func loadTemplates(l *languages, a *assets, zone *time.Location) templates {
	all := templates{}
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic("pages: " + err.Error())
	}
	for _, t := range l.all {
		f := formatter{t, zone}
		base := template.Must(template.New("").Funcs(template.FuncMap{
			"t":     t.text,
			"say":   t.say,
			"count": t.count,
			"bold":  func(name string) marked { return marked{name, mark{Bold: true}} },
			"to":    func(href, testID string) marked { return marked{"", mark{Href: href, TestID: testID}} },
			"on":    f.on,
			"when":  f.when,
			"asset": a.address,
		}).ParseFS(templateFiles, shared...))
		pages := make(map[string]*template.Template)
		for _, file := range files {
			name := "templates/" + file.Name()
			page := template.Must(template.Must(base.Clone()).ParseFS(templateFiles, name))
			pages[strings.TrimSuffix(path.Base(name), ".html")] = page
		}
		all[t.Code] = pages
	}
	return all
}

// view is what stands around every page's own content.
type view struct {
	texts *texts
	// Title is the page's name and, mostly, its h1.
	Title string
	// Failed says that the page tells of an error.
	Failed bool
	// Here is the page's own address, to which its forms go; Token is theirs.
	Here, Token string
	// Lang is the page's language, Languages are links to the others.
	Lang      string
	Languages []languageLink
	Operator  string
	// From is who sent the person here; nil on the library's own pages.
	From *sender
	// Stop says that the person can stop here and go back to the sender.
	Stop bool
	// Ended is how a trip to a provider ended without success; to stop then tells the
	// application that nothing could be connected.
	Ended string
	// Step and Steps count the pages of a link, where the count is certain.
	Step, Steps int
	// SignOut is where the form of signing out goes; empty for who is not signed in.
	SignOut string
	// Desk is the current entry of the library's menu; empty outside it.
	Desk string
	// Notice is the outcome of what was done before; Arrived says that it is that of a
	// trip to a provider.
	Notice  string
	Arrived bool
	// Form is the page's form, if it has one.
	Form *form
	// Forward is where the browser goes by itself.
	Forward template.URL
}

type languageLink struct{ Code, Name, Href string }

func (v *view) around() *view { return v }

// newView begins a page.
func (s *site) newView(r *http.Request, title string) *view {
	visit := visitOf(r)
	v := &view{texts: visit.texts, Title: title, Here: r.URL.RequestURI(), Token: visit.token(),
		Lang: visit.texts.Code, Operator: s.config.Operator}
	for _, other := range s.languages.all {
		if other != visit.texts {
			v.Languages = append(v.Languages, languageLink{other.Code, other.Name, languageHref(other, r)})
		}
	}
	return v
}

// page is the data of a template: a view with a page's own content.
type page interface{ around() *view }

// render writes a page. Nothing is written if its template fails.
func (s *site) render(w http.ResponseWriter, status int, name string, p page) error {
	v := p.around()
	if v.Form.Failed() {
		v.Failed = true
	}
	var b bytes.Buffer
	if err := s.templates[v.Lang][name].ExecuteTemplate(&b, "layout", p); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // a browser that has gone needs no answer
	return nil
}

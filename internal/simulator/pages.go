package simulator

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
)

//go:embed templates texts
var files embed.FS

// pages are the templates, each with the layout.
var pages = map[string]*template.Template{
	"ask":  template.Must(template.ParseFS(files, "templates/layout.html", "templates/ask.html")),
	"end":  template.Must(template.ParseFS(files, "templates/layout.html", "templates/end.html")),
	"home": template.Must(template.ParseFS(files, "templates/layout.html", "templates/home.html")),
}

// view is the data of a page.
type view struct {
	pageTexts
	Title string
	Here  string // the path of the page, for the link to the other language
	Data  any
}

// renderPage sends a page.
func (s *Simulator) renderPage(w http.ResponseWriter, status int, name string, v view) {
	var page bytes.Buffer
	if err := pages[name].ExecuteTemplate(&page, "layout", v); err != nil {
		s.Log.Error("could not show a page", "page", name, "error", err)
		http.Error(w, "The page could not be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // it fails if the browser has closed the connection
}

func (s *Simulator) getStyle(w http.ResponseWriter, _ *http.Request) {
	css, err := files.ReadFile("templates/style.css")
	if err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(css) // it fails if the browser has closed the connection
}

// showDeadEnd shows a page that has no form and does not redirect. key is the prefix of the keys
// of its texts.
func (s *Simulator) showDeadEnd(w http.ResponseWriter, r *http.Request, status int, key string) {
	t := textsFor(r)
	s.renderPage(w, status, "end", view{pageTexts: t, Title: t.T(key + ".h1"), Data: t.T(key + ".text")})
}

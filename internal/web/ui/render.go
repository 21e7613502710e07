package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the templates of the pages by language and name. A page's name is that of its file. Each is parsed
// when it is needed first, so that a server starts at once.
type templates map[string]map[string]func() *template.Template

// sharedTemplates are the files that every page uses.
var sharedTemplates = []string{"templates/layout.html", "templates/parts.html", "templates/fields.html"}

// loadTemplates finds the templates of the pages, in every language.
func loadTemplates(folders []fs.FS, l *Languages, a *assets, zone *time.Location) templates {
	folders = append(folders, templateFiles)
	all := templates{}
	for _, t := range l.All {
		f := Formatter{t, zone}
		shared := template.Must(template.New("").Funcs(template.FuncMap{
			"t":        t.Text,
			"spans":    t.Spans,
			"count":    t.Count,
			"link":     Link,
			"date":     f.DateValue,
			"moment":   f.Moment,
			"deadline": f.Deadline,
			"asset":    a.url,
		}).ParseFS(templateFiles, sharedTemplates...))
		pages := make(map[string]func() *template.Template)
		for _, folder := range folders {
			files, err := fs.Glob(folder, "templates/*.html")
			if err != nil {
				panic("ui: " + err.Error())
			}
			for _, file := range files {
				pages[strings.TrimSuffix(path.Base(file), ".html")] = sync.OnceValue(func() *template.Template {
					return template.Must(template.Must(shared.Clone()).ParseFS(folder, file))
				})
			}
		}
		all[t.Code] = pages
	}
	return all
}

// Render writes a page. It writes nothing if the template fails.
func (u *UI) Render(w http.ResponseWriter, status int, name string, data Data) error {
	p := data.page()
	if p.Form.HasErrors() {
		p.IsError = true
	}
	var b bytes.Buffer
	if err := u.templates[p.Lang][name]().ExecuteTemplate(&b, "layout", data); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // the only error is that the browser has closed the connection
	return nil
}

// RenderInvalid shows a form again with what is wrong in it.
func (u *UI) RenderInvalid(w http.ResponseWriter, name string, data Data) error {
	return u.Render(w, http.StatusUnprocessableEntity, name, data)
}

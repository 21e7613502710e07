package reference

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/openapi"
)

//go:embed description.html
var descriptionHTML string

// rendered is the description as HTML. It is rendered when it is needed first, so that a server starts at once.
var rendered = sync.OnceValues(func() (template.HTML, error) {
	d, err := openapi.Parse(docs.OpenAPI)
	if err != nil {
		return "", err
	}
	return render(d)
})

func render(d *openapi.Document) (template.HTML, error) {
	t, err := template.New("description").Funcs(template.FuncMap{
		"text":    markdown,
		"line":    inline,
		"type":    typeOf,
		"limits":  limitsOf,
		"json":    indent,
		"status":  statusOf,
		"anchor":  anchor,
		"failure": func(status string) bool { return status >= "400" },
	}).Parse(descriptionHTML)
	if err != nil {
		return "", fmt.Errorf("parse template of the description: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newContents(d)); err != nil {
		return "", fmt.Errorf("render description: %w", err)
	}
	return template.HTML(b.String()), nil
}

// contents is the description in the order of the page.
type contents struct {
	*openapi.Document
	Groups []group
}

// group has the calls of a tag.
type group struct {
	openapi.Tag
	Calls []call
}

// call is an operation with what the page says of how it is authenticated.
type call struct {
	*openapi.Operation
	Signed bool
}

func newContents(d *openapi.Document) contents {
	c := contents{Document: d}
	for _, tag := range d.Tags {
		g := group{Tag: tag}
		for _, o := range d.Operations() {
			if len(o.Tags) > 0 && o.Tags[0] == tag.Name {
				g.Calls = append(g.Calls, call{o, len(d.SecurityOf(o)) > 0})
			}
		}
		c.Groups = append(c.Groups, g)
	}
	return c
}

// anchor returns a name as the id of an element.
func anchor(name string) string { return strings.ReplaceAll(strings.ToLower(name), " ", "-") }

// statusOf returns a status with its reason phrase.
func statusOf(status string) string {
	if n, err := strconv.Atoi(status); err == nil {
		return strings.TrimSpace(status + " " + http.StatusText(n))
	}
	return status
}

// typeOf returns the type of a value in words, with links to the schemas that it names.
func typeOf(s *openapi.Schema) template.HTML {
	switch {
	case s == nil:
		return "any JSON"
	case s.Ref != "":
		name := template.HTMLEscapeString(s.Name())
		return template.HTML(`<a href="#schema-` + anchor(name) + `">` + name + `</a>`)
	case s.TokenClaims() != nil && s.TokenClaims().Ref != "":
		return "JWT with the claims " + typeOf(s.TokenClaims())
	case s.ContentSchema != nil && s.ContentEncoding != "":
		return template.HTML(template.HTMLEscapeString(s.ContentEncoding)) + " of " + typeOf(s.ContentSchema)
	case s.Type == "array":
		return "list of " + typeOf(s.Items)
	case s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil:
		return "object of " + typeOf(s.AdditionalProperties.Schema)
	case len(s.OneOf) > 0:
		return oneOf(s.OneOf)
	case len(s.AnyOf) > 0:
		return oneOf(s.AnyOf)
	case s.Type == "":
		return "any JSON"
	case s.ContentMediaType == "application/octet-stream":
		return "bytes"
	}
	return template.HTML(template.HTMLEscapeString(s.Type))
}

func oneOf(list []*openapi.Schema) template.HTML {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(" or ")
		}
		b.WriteString(string(typeOf(s)))
	}
	return template.HTML(b.String())
}

// limitsOf returns what else a schema says of a value, in words.
func limitsOf(s *openapi.Schema) []template.HTML {
	var list []template.HTML
	add := func(format string, args ...any) {
		list = append(list, template.HTML(fmt.Sprintf(format, args...)))
	}
	quoted := func(text string) string { return "<code>" + template.HTMLEscapeString(text) + "</code>" }
	if len(s.Enum) > 0 {
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = quoted(v)
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if s.Const != nil {
		add("always %s", quoted(strings.Trim(string(s.Const), `"`)))
	}
	if s.Pattern != "" {
		add("matches %s", quoted(s.Pattern))
	}
	for _, l := range []struct {
		words string
		n     *int64
	}{
		{"at least %d", s.Minimum}, {"at most %d", s.Maximum},
		{"at least %d characters", s.MinLength}, {"at most %d characters", s.MaxLength},
		{"at least %d elements", s.MinItems}, {"at most %d elements", s.MaxItems},
	} {
		if l.n != nil {
			add(strings.TrimSuffix(l.words, "s")+plural(*l.n, l.words), *l.n)
		}
	}
	for _, e := range s.Examples {
		add("for example %s", quoted(strings.Trim(string(e), `"`)))
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Allowed && s.AdditionalProperties.Schema == nil {
		add("other members are possible")
	}
	return list
}

// plural returns the "s" of words about n things.
func plural(n int64, words string) string {
	if n == 1 || !strings.HasSuffix(words, "s") {
		return ""
	}
	return "s"
}

// indent returns a JSON text as people read it.
func indent(text json.RawMessage) (string, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return "", err
	}
	return b.String(), nil
}

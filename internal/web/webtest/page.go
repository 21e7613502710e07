package webtest

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Page is what a browser shows.
type Page struct {
	Browser *Browser
	URL     *url.URL
	Status  int
	Header  http.Header
	Body    string
	root    *html.Node
}

// followed follows redirects within the site.
func (p *Page) followed() *Page {
	p.Browser.T.Helper()
	for range 10 {
		location := p.Header.Get("Location")
		if p.Status/100 != 3 || !strings.HasPrefix(location, "/") {
			return p
		}
		p = p.Browser.Request(http.MethodGet, location, nil, nil)
	}
	p.Browser.T.Fatalf("redirects without end at %s", p.URL)
	return nil
}

// Follow follows a redirect to another site.
func (p *Page) Follow() *Page {
	p.Browser.T.Helper()
	to := p.Header.Get("Location")
	if p.Status != http.StatusSeeOther || strings.HasPrefix(to, "/") {
		p.Browser.T.Fatalf("%s (%d) leads to no other site:\n%s", p.URL.Path, p.Status, p.Text())
	}
	return p.Browser.Get(to)
}

// Callback is the address at the application that the browser is redirected to.
func (p *Page) Callback() *url.URL {
	p.Browser.T.Helper()
	location := p.Header.Get("Location")
	if p.Status != http.StatusSeeOther || strings.HasPrefix(location, "/") {
		p.Browser.T.Fatalf("%s (%d) does not lead back to the application:\n%s", p.URL.Path, p.Status, p.Text())
	}
	to, err := url.Parse(location)
	if err != nil {
		p.Browser.T.Fatal(err)
	}
	return to
}

// Has reports whether there is an element with a data-testid.
func (p *Page) Has(testID string) bool { return p.find(byTestID(testID)) != nil }

// Text is the text of the page.
func (p *Page) Text() string { return textOf(p.root) }

// TextOf is the text of the element with a data-testid.
func (p *Page) TextOf(testID string) string {
	p.Browser.T.Helper()
	return textOf(p.element(testID))
}

// Attr is an attribute of the element with a data-testid; empty without the element.
func (p *Page) Attr(testID, name string) string { return attr(p.find(byTestID(testID)), name) }

// Title is the page's h1.
func (p *Page) Title() string {
	if h1 := p.find(byName("h1")); h1 != nil {
		return textOf(h1)
	}
	return ""
}

// Language is that of the page.
func (p *Page) Language() string { return attr(p.find(byName("html")), "lang") }

// FirstTestID is the first data-testid with a prefix.
func (p *Page) FirstTestID(prefix string) string {
	p.Browser.T.Helper()
	n := p.find(func(n *html.Node) bool { return strings.HasPrefix(attr(n, "data-testid"), prefix) })
	if n == nil {
		p.Browser.T.Fatalf("%s has no %s…: %s", p.URL.Path, prefix, p.Text())
	}
	return attr(n, "data-testid")
}

// Click follows the link with a data-testid, or sends the form of the button, and follows redirects within the site.
// The form's fields are filled in from names and values in turn.
func (p *Page) Click(testID string, fill ...string) *Page {
	p.Browser.T.Helper()
	n := p.element(testID)
	if n.Data == "a" {
		return p.Browser.Get(p.resolve(attr(n, "href")))
	}
	action, fields := p.formOf(n)
	for i := 0; i+1 < len(fill); i += 2 {
		fields.Set(fill[i], fill[i+1])
	}
	return p.Browser.Post(action, fields).followed()
}

// Submit sends fields to an address as the page would, and follows redirects within the site.
func (p *Page) Submit(action string, fields url.Values) *Page {
	p.Browser.T.Helper()
	return p.Browser.Post(action, fields).followed()
}

// Form is the form that the element with a data-testid belongs to: where it is sent, and what is sent as it stands.
func (p *Page) Form(testID string) (action string, fields url.Values) {
	p.Browser.T.Helper()
	return p.formOf(p.element(testID))
}

// CSRFToken is that of the page's first form.
func (p *Page) CSRFToken() string {
	return attr(p.find(func(n *html.Node) bool { return attr(n, "name") == "token" }), "value")
}

func (p *Page) element(testID string) *html.Node {
	p.Browser.T.Helper()
	n := p.find(byTestID(testID))
	if n == nil {
		p.Browser.T.Fatalf("%s (%d) has no %s:\n%s", p.URL.Path, p.Status, testID, p.Text())
	}
	return n
}

func (p *Page) resolve(reference string) string {
	p.Browser.T.Helper()
	to, err := p.URL.Parse(reference)
	if err != nil {
		p.Browser.T.Fatal(err)
	}
	return to.String()
}

func (p *Page) formOf(control *html.Node) (action string, fields url.Values) {
	p.Browser.T.Helper()
	form := control
	if id := attr(control, "form"); id != "" {
		form = p.find(func(n *html.Node) bool { return n.Data == "form" && attr(n, "id") == id })
	}
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		p.Browser.T.Fatal("the element is in no form")
	}
	fields = url.Values{}
	for n := range form.Descendants() {
		kind := attr(n, "type")
		if n.Data == "input" && (kind != "checkbox" && kind != "radio" || hasAttr(n, "checked")) {
			fields.Set(attr(n, "name"), attr(n, "value"))
		}
	}
	if name := attr(control, "name"); name != "" {
		fields.Set(name, attr(control, "value"))
	}
	return p.resolve(attr(form, "action")), fields
}

func (p *Page) find(fits func(*html.Node) bool) *html.Node {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && fits(n) {
			return n
		}
	}
	return nil
}

func byTestID(id string) func(*html.Node) bool {
	return func(n *html.Node) bool { return attr(n, "data-testid") == id }
}

func byName(name string) func(*html.Node) bool {
	return func(n *html.Node) bool { return n.Data == name }
}

// attr is the value of an attribute; empty without it. The element may be nil.
func attr(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttr(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// textOf is the text of an element, its parts joined by single spaces.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

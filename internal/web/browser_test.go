package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// visitor is a browser without JavaScript: it keeps cookies, reads pages and sends
// their forms.
type visitor struct {
	t      testing.TB
	base   string
	client *http.Client
	header http.Header
}

func (w *world) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &visitor{t: w.t, base: w.url, header: http.Header{}, client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is what a visitor sees.
type page struct {
	visitor *visitor
	url     *url.URL
	status  int
	header  http.Header
	body    string
	root    *html.Node
}

func (v *visitor) do(r *http.Request) *page {
	v.t.Helper()
	for name, values := range v.header {
		r.Header[name] = values
	}
	answer, err := v.client.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		v.t.Fatal(err)
	}
	return &page{v, r.URL, answer.StatusCode, answer.Header, string(body), root}
}

// get opens a page, and follows redirects as long as they stay here.
func (v *visitor) get(path string) *page {
	v.t.Helper()
	r, err := http.NewRequest(http.MethodGet, v.resolve(path), nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(r).followed()
}

func (v *visitor) resolve(path string) string {
	if strings.HasPrefix(path, "/") {
		return v.base + path
	}
	return path
}

// post sends fields as a page of the site would.
func (v *visitor) post(path string, fields url.Values) *page {
	v.t.Helper()
	r, err := http.NewRequest(http.MethodPost, v.resolve(path), strings.NewReader(fields.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", v.base)
	return v.do(r)
}

// followed follows redirects as long as they stay here.
func (p *page) followed() *page {
	p.visitor.t.Helper()
	for range 10 {
		location := p.header.Get("Location")
		if p.status/100 != 3 || !strings.HasPrefix(location, "/") {
			return p
		}
		r, err := http.NewRequest(http.MethodGet, p.visitor.base+location, nil)
		if err != nil {
			p.visitor.t.Fatal(err)
		}
		p = p.visitor.do(r)
	}
	p.visitor.t.Fatalf("redirects without end at %s", p.url)
	return nil
}

// find is the element with a data-testid, nil if there is none.
func (p *page) find(testID string) *html.Node {
	return find(p.root, func(n *html.Node) bool { return attr(n, "data-testid") == testID })
}

func find(n *html.Node, fits func(*html.Node) bool) *html.Node {
	if n.Type == html.ElementNode && fits(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := find(c, fits); found != nil {
			return found
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is the text of the element with a data-testid.
func (p *page) text(testID string) string {
	p.visitor.t.Helper()
	n := p.find(testID)
	if n == nil {
		p.visitor.t.Fatalf("%s (%d) has no %s:\n%s", p.url.Path, p.status, testID, textOf(p.root))
	}
	return textOf(n)
}

func textOf(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// title is the page's h1.
func (p *page) title() string {
	n := find(p.root, func(n *html.Node) bool { return n.Data == "h1" })
	if n == nil {
		return ""
	}
	return textOf(n)
}

// click follows the link, or sends the form of the button, with a data-testid. The
// form's fields are filled in from name and value pairs.
func (p *page) click(testID string, fill ...string) *page {
	p.visitor.t.Helper()
	n := p.find(testID)
	if n == nil {
		p.visitor.t.Fatalf("%s (%d) has no %s:\n%s", p.url.Path, p.status, testID, textOf(p.root))
	}
	if n.Data == "a" {
		return p.visitor.get(p.href(n))
	}
	path, fields := p.form(n)
	for i := 0; i+1 < len(fill); i += 2 {
		fields.Set(fill[i], fill[i+1])
	}
	return p.visitor.post(path, fields).followed()
}

// href is where a link leads.
func (p *page) href(n *html.Node) string {
	to, err := p.url.Parse(attr(n, "href"))
	if err != nil {
		p.visitor.t.Fatal(err)
	}
	return to.String()
}

// form is the form of a button: where it goes, and what it sends as it stands.
func (p *page) form(button *html.Node) (action string, fields url.Values) {
	p.visitor.t.Helper()
	form := button
	if id := attr(button, "form"); id != "" {
		form = find(p.root, func(n *html.Node) bool { return n.Data == "form" && attr(n, "id") == id })
	}
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		p.visitor.t.Fatal("button stands in no form")
	}
	fields = url.Values{}
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		kind := attr(n, "type")
		if n.Data == "input" && (kind != "checkbox" && kind != "radio" || hasAttr(n, "checked")) {
			fields.Set(attr(n, "name"), attr(n, "value"))
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(form)
	if name := attr(button, "name"); name != "" {
		fields.Set(name, attr(button, "value"))
	}
	to, err := p.url.Parse(attr(form, "action"))
	if err != nil {
		p.visitor.t.Fatal(err)
	}
	return to.String(), fields
}

func hasAttr(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// callback is the address at the application that the browser is sent to.
func (p *page) callback() *url.URL {
	p.visitor.t.Helper()
	location := p.header.Get("Location")
	if p.status != http.StatusSeeOther || strings.HasPrefix(location, "/") {
		p.visitor.t.Fatalf("%s (%d) does not lead back to the application:\n%s", p.url.Path, p.status, textOf(p.root))
	}
	to, err := url.Parse(location)
	if err != nil {
		p.visitor.t.Fatal(err)
	}
	return to
}

// isElement fits elements of a name.
func isElement(name string) func(*html.Node) bool {
	return func(n *html.Node) bool { return n.Data == name }
}

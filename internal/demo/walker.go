package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Walker is a person without a browser: it goes through the onboarding pages as
// somebody would who creates a library, connects a provider where one is wanted, and
// allows what is asked. It needs no JavaScript, because the pages do not.
type Walker struct {
	Email    string
	Password string
	// Provider is a part of the name of the provider to choose; the first if empty.
	Provider string
	// Patient is whom the person says they are at the provider.
	Patient string
	// AtProvider is the testid of the button to press there: "sim-approve" or "sim-deny".
	AtProvider string
	// Answer is the testid of the button to press at the consent page: "allow" or "deny".
	Answer string
	client *http.Client
}

// NewWalker returns a walker with cookies of its own.
func NewWalker(email, password string) *Walker {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic("demo: a cookie jar without options cannot fail: " + err.Error())
	}
	return &Walker{
		Email:      email,
		Password:   password,
		Patient:    "patient of " + email,
		AtProvider: "sim-approve",
		Answer:     "allow",
		client: &http.Client{
			Jar:           jar,
			Timeout:       30 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// maxSteps bounds a walk: create, keep the code, choose a provider, go there, approve,
// consent, and the redirects between.
const maxSteps = 40

// maxPage bounds what is read of a page.
const maxPage = 1 << 20

// Walk opens an onboarding address and answers page after page until the browser is
// sent to callback. It returns the address there, query included.
func (w *Walker) Walk(ctx context.Context, address, callback string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("open onboarding page: %w", err)
	}
	for range maxSteps {
		next, page, err := w.step(request)
		if err != nil {
			return "", err
		}
		switch {
		case next != "" && strings.HasPrefix(next, callback):
			return next, nil
		case next != "":
			request, err = http.NewRequestWithContext(ctx, http.MethodGet, next, nil)
		default:
			request, err = w.answer(ctx, page)
		}
		if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("onboarding did not come to an end after %d steps", maxSteps)
}

// page is a page that wants an answer.
type page struct {
	address *url.URL
	status  int
	root    *html.Node
}

// step sends a request: the answer is an address to go to, or a page.
func (w *Walker) step(request *http.Request) (next string, p *page, err error) {
	answer, err := w.client.Do(request)
	if err != nil {
		return "", nil, fmt.Errorf("open %s: %w", request.URL.Path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	if location := answer.Header.Get("Location"); location != "" && answer.StatusCode/100 == 3 {
		to, err := request.URL.Parse(location)
		if err != nil {
			return "", nil, fmt.Errorf("redirect of %s: %w", request.URL.Path, err)
		}
		return to.String(), nil, nil
	}
	root, err := html.Parse(io.LimitReader(answer.Body, maxPage))
	if err != nil {
		return "", nil, fmt.Errorf("read page %s: %w", request.URL.Path, err)
	}
	return "", &page{request.URL, answer.StatusCode, root}, nil
}

// answer fills in the page's form and presses the button that leads on.
func (w *Walker) answer(ctx context.Context, p *page) (*http.Request, error) {
	button, err := w.choose(p)
	for _, testID := range []string{w.Answer, "recovery-saved", "create-library", "sign-in", "provider-go", w.AtProvider} {
		if button == nil && err == nil {
			button = find(
				p.root,
				func(n *html.Node) bool { return n.Data == "button" && attr(n, "data-testid") == testID },
			)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case button == nil:
		return nil, fmt.Errorf(
			"page %s (%d) has no button that leads on: %s",
			p.address.Path,
			p.status,
			text(fault(p.root)),
		)
	case p.status >= http.StatusBadRequest:
		return nil, fmt.Errorf("page %s refused the answer (%d): %s", p.address.Path, p.status, text(fault(p.root)))
	}
	return w.submit(ctx, p, button)
}

// choose is the button of the provider that is meant, on a page where one is chosen.
func (w *Walker) choose(p *page) (*html.Node, error) {
	var names []string
	var found *html.Node
	each(p.root, func(n *html.Node) {
		id, ok := strings.CutPrefix(attr(n, "data-testid"), "service-")
		if _, err := strconv.Atoi(id); !ok || err != nil || n.Data != "button" {
			return
		}
		name := text(row(n))
		names = append(names, name)
		if found == nil && strings.Contains(name, w.Provider) {
			found = n
		}
	})
	if found == nil && names != nil {
		return nil, fmt.Errorf("page %s offers no %q, but %s", p.address.Path, w.Provider, strings.Join(names, "; "))
	}
	return found, nil
}

// row is what a button stands in with its name.
func row(button *html.Node) *html.Node {
	for n := button; n != nil; n = n.Parent {
		if n.Data == "li" || n.Data == "tr" {
			return n
		}
	}
	return button
}

func (w *Walker) submit(ctx context.Context, p *page, button *html.Node) (*http.Request, error) {
	form := button.Parent
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		return nil, errors.New("the button stands in no form")
	}
	fields := url.Values{}
	each(form, func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") != "" && attr(n, "type") != "checkbox" {
			fields.Set(attr(n, "name"), attr(n, "value"))
		}
		switch attr(n, "data-testid") {
		case "email":
			fields.Set(attr(n, "name"), w.Email)
		case "password":
			fields.Set(attr(n, "name"), w.Password)
		case "sim-user":
			fields.Set(attr(n, "name"), w.Patient)
		}
	})
	if name := attr(button, "name"); name != "" {
		fields.Set(name, attr(button, "value"))
	}
	action, err := p.address.Parse(attr(form, "action"))
	if err != nil {
		return nil, fmt.Errorf("form of page %s: %w", p.address.Path, err)
	}
	if attr(form, "action") == "" {
		action = p.address
	}
	request, err := http.NewRequestWithContext(
		ctx,
		http.MethodPost,
		action.String(),
		strings.NewReader(fields.Encode()),
	)
	if err != nil {
		return nil, fmt.Errorf("send form: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", action.Scheme+"://"+action.Host)
	return request, nil
}

// fault is where a page says what is wrong, or the page itself.
func fault(root *html.Node) *html.Node {
	if n := find(root, func(n *html.Node) bool { return attr(n, "data-testid") == "error" }); n != nil {
		return n
	}
	return root
}

func find(n *html.Node, want func(*html.Node) bool) *html.Node {
	if n.Type == html.ElementNode && want(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := find(c, want); found != nil {
			return found
		}
	}
	return nil
}

func each(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, visit)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what a person reads of a node, cut short.
func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	words := strings.Join(strings.Fields(b.String()), " ")
	if len(words) > 300 {
		words = strings.ToValidUTF8(words[:300], "") + "…"
	}
	return words
}

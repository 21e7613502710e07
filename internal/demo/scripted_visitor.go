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

// ScriptedVisitor is a person without a browser. It fills in the forms of the onboarding pages: it creates a library or
// signs in, connects a provider if a page asks for one, and allows the request. It runs no JavaScript, because the
// pages need none.
type ScriptedVisitor struct {
	Email    string
	Password string
	// Provider is a part of the name of the provider to choose; the first if empty.
	Provider string
	// Patient is the name that the person gives at the provider.
	Patient string
	// AtProvider is the data-testid of the button to press there: "sim-approve" or "sim-deny".
	AtProvider string
	// Answer is the data-testid of the button to press on the consent page: "allow" or "deny".
	Answer string
	client *http.Client
}

// NewScriptedVisitor returns a visitor with cookies of its own.
func NewScriptedVisitor(email, password string) *ScriptedVisitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic("demo: a cookie jar without options cannot fail: " + err.Error())
	}
	return &ScriptedVisitor{
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

// maxSteps bounds the number of requests: those that create a library, confirm the recovery code, choose a provider,
// approve there and consent, with all redirects.
const maxSteps = 40

// maxPage is the number of bytes of a page that are read.
const maxPage = 1 << 20

// FollowPages opens an onboarding address and answers each page until it is redirected to callback. It returns that
// address, with its query.
func (v *ScriptedVisitor) FollowPages(ctx context.Context, address, callback string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", fmt.Errorf("open onboarding page: %w", err)
	}
	for range maxSteps {
		next, page, err := v.send(request)
		if err != nil {
			return "", err
		}
		switch {
		case next != "" && strings.HasPrefix(next, callback):
			return next, nil
		case next != "":
			request, err = http.NewRequestWithContext(ctx, http.MethodGet, next, nil)
		default:
			if back := linkToApp(page, callback); back != "" {
				return back, nil
			}
			request, err = v.answer(ctx, page)
		}
		if err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("onboarding has not ended after %d steps", maxSteps)
}

// linkToApp returns the link of a page that leads to a callback of a phone's application, to which a page does not
// redirect; "" if it has none.
func linkToApp(p *formPage, callback string) string {
	if strings.HasPrefix(callback, "http") {
		return ""
	}
	link := findNode(p.root, func(n *html.Node) bool {
		return n.Data == "a" && attr(n, "data-testid") == "return" && strings.HasPrefix(attr(n, "href"), callback)
	})
	if link == nil {
		return ""
	}
	return attr(link, "href")
}

// formPage is a page with a form to answer.
type formPage struct {
	address *url.URL
	status  int
	root    *html.Node
}

// send sends a request. It returns the address of a redirect, or else a page.
func (v *ScriptedVisitor) send(request *http.Request) (next string, p *formPage, err error) {
	answer, err := v.client.Do(request)
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
	return "", &formPage{request.URL, answer.StatusCode, root}, nil
}

// answer fills in the page's form and presses the button that continues.
func (v *ScriptedVisitor) answer(ctx context.Context, p *formPage) (*http.Request, error) {
	button, err := v.findProviderButton(p)
	for _, testID := range []string{
		v.Answer, "recovery-saved", "create-library", "sign-in", "provider-go", v.AtProvider,
	} {
		if button == nil && err == nil {
			button = findNode(p.root, func(n *html.Node) bool {
				return n.Data == "button" && attr(n, "data-testid") == testID
			})
		}
	}
	switch {
	case err != nil:
		return nil, err
	case button == nil:
		return nil, fmt.Errorf(
			"page %s (%d) has no button that continues: %s",
			p.address.Path,
			p.status,
			nodeText(findError(p.root)),
		)
	case p.status >= http.StatusBadRequest:
		return nil, fmt.Errorf(
			"page %s refused the answer (%d): %s", p.address.Path, p.status, nodeText(findError(p.root)))
	}
	return v.submit(ctx, p, button)
}

// findProviderButton returns the button of the provider to choose, or nil on a page that lists no providers.
func (v *ScriptedVisitor) findProviderButton(p *formPage) (*html.Node, error) {
	var names []string
	var found *html.Node
	eachElement(p.root, func(n *html.Node) {
		id, ok := strings.CutPrefix(attr(n, "data-testid"), "service-")
		if _, err := strconv.Atoi(id); !ok || err != nil || n.Data != "button" {
			return
		}
		name := nodeText(listItem(n))
		names = append(names, name)
		if found == nil && strings.Contains(name, v.Provider) {
			found = n
		}
	})
	if found == nil && names != nil {
		return nil, fmt.Errorf("page %s offers no %q, but %s", p.address.Path, v.Provider, strings.Join(names, "; "))
	}
	return found, nil
}

// listItem returns the list item or table row that a button is in, or the button if there is none.
func listItem(button *html.Node) *html.Node {
	for n := button; n != nil; n = n.Parent {
		if n.Data == "li" || n.Data == "tr" {
			return n
		}
	}
	return button
}

// submit returns the request that pressing a button sends.
func (v *ScriptedVisitor) submit(ctx context.Context, p *formPage, button *html.Node) (*http.Request, error) {
	form := button.Parent
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		return nil, errors.New("the button is not in a form")
	}
	fields := url.Values{}
	eachElement(form, func(n *html.Node) {
		if n.Data == "input" && attr(n, "name") != "" && attr(n, "type") != "checkbox" {
			fields.Set(attr(n, "name"), attr(n, "value"))
		}
		switch attr(n, "data-testid") {
		case "email":
			fields.Set(attr(n, "name"), v.Email)
		case "password":
			fields.Set(attr(n, "name"), v.Password)
		case "sim-user":
			fields.Set(attr(n, "name"), v.Patient)
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

// findError returns the element with the page's error message, or root if there is none.
func findError(root *html.Node) *html.Node {
	if n := findNode(root, func(n *html.Node) bool { return attr(n, "data-testid") == "error" }); n != nil {
		return n
	}
	return root
}

// findNode returns the first element that want accepts, or nil.
func findNode(n *html.Node, want func(*html.Node) bool) *html.Node {
	if n.Type == html.ElementNode && want(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := findNode(c, want); found != nil {
			return found
		}
	}
	return nil
}

// eachElement calls visit for each element.
func eachElement(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		eachElement(c, visit)
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

// nodeText returns the text of a node, at most about 300 bytes of it.
func nodeText(n *html.Node) string {
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

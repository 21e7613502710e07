package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/demo"
)

// loadSite is a server with a person, and with applications that they use.
type loadSite struct {
	address, url, database, data string
	process                      *process
	client                       *digime.Client

	email, password string
	writer, reader  *digime.User
	// stopped is a contract that the person allows and stops again and again.
	stopped *digime.Contract
	// attacker signs the calls of the application that attacks.
	attacker loadSigner
	// attackingReader reads for that application, and attackingStorage is where it keeps files of its own.
	attackingReader  *digime.User
	attackingStorage *digime.Storage
	// file is the id of a file in the library.
	file string
}

// newLoadSite starts a server. Its data is in a folder, and its database there too if none is given.
func newLoadSite(t *testing.T, data, database string) *loadSite {
	t.Helper()
	if database == "" {
		database = filepath.Join(data, "carrel.db")
	}
	s := &loadSite{
		address: freeAddress(t), database: database, data: data,
		email: "anna@example.org", password: "four plain words here",
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	clinic := addApplication(t, data, database, "The clinic", "--new")
	other := addApplication(t, data, database, "Another clinic")
	s.process = startServe(t, s.address, "--data", data, "--database", database)
	s.url = s.process.url
	client, err := digime.New(clinic, digime.WithServer(s.url), digime.WithRetries(0),
		digime.WithHTTPClient(clientFrom("127.0.0.1", true)))
	if err != nil {
		t.Fatal(err)
	}
	person := demo.NewScriptedVisitor(s.email, s.password)
	s.client = client
	write, _ := s.contract(t, client, clinic, "write")
	read, _ := s.contract(t, client, clinic, "read")
	s.stopped, _ = s.contract(t, client, clinic, "write")
	s.writer = allows(t, person, write, digime.UserAccessToken{})
	s.reader = allows(t, person, read, s.writer.Token())

	foreign, err := digime.New(other, digime.WithServer(s.url), digime.WithRetries(0),
		digime.WithHTTPClient(clientFrom("127.0.9.4", false)))
	if err != nil {
		t.Fatal(err)
	}
	contract, signer := s.contract(t, foreign, other, "write")
	signer.token = allows(t, person, contract, digime.UserAccessToken{}).Token().AccessToken.Value.Reveal()
	s.attacker = signer
	contract, _ = s.contract(t, foreign, other, "read")
	s.attackingStorage, err = contract.CreateStorage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.attackingReader = allowsWith(t, person, contract, digime.AuthorizeOptions{Storage: s.attackingStorage.ID()})
	if err := s.push(t.Context(), "first", 100_000); err != nil {
		t.Fatal(err)
	}
	browser := newLoadBrowser(s.url)
	if o := browser.signIn(t.Context(), s.email, s.password); !o.ok() {
		t.Fatalf("sign in: %+v", o)
	}
	page, o := browser.get(t.Context(), "/files")
	link := findElement(page, func(n *html.Node) bool {
		return strings.HasPrefix(attributeOf(n, "data-testid"), "download-")
	})
	if !o.ok() || link == nil {
		t.Fatalf("there is no file: %+v", o)
	}
	s.file = strings.TrimPrefix(attributeOf(link, "data-testid"), "download-")
	return s
}

func (s *loadSite) contract(
	t *testing.T, client *digime.Client, application, access string,
) (*digime.Contract, loadSigner) {
	t.Helper()
	key := addContract(t, s.data, s.database, application, access)
	private, err := wire.ParsePrivateKey([]byte(key.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	id := wire.ClientID{Application: wire.ApplicationID(application), Contract: wire.ContractID(key.ContractID)}
	return key.parse(t, client), loadSigner{client: id.String(), key: private}
}

// push pushes a file into the person's library.
func (s *loadSite) push(ctx context.Context, name string, size int) error {
	return s.writer.Push(ctx, digime.PushInput{
		Data: bytes.NewReader(contentOf(fmt.Sprintf("%s-%d", name, size))), MIMEType: "application/octet-stream",
		AccountID: "load", Reference: []string{fmt.Sprintf("%s-%d", name, size)},
	})
}

// outcome is what came of something that somebody did.
type outcome struct {
	status     int // of the last answer; zero without one
	retryAfter bool
	err        error // why there was no answer, or a useless one
}

func (o outcome) ok() bool { return o.err == nil && o.status < 400 }

// refused reports whether the server has asked to come back later.
func (o outcome) refused() bool {
	return o.err == nil && o.retryAfter && (o.status == http.StatusServiceUnavailable ||
		o.status == http.StatusInsufficientStorage || o.status == http.StatusTooManyRequests)
}

func (o outcome) String() string {
	switch {
	case o.err != nil && o.status == 0:
		return "no answer"
	case o.err != nil:
		return fmt.Sprintf("%d, and not what was asked for", o.status)
	}
	return fmt.Sprint(o.status)
}

// loadOutcomeOf returns the outcome of a call of the SDK that is answered with 200.
func loadOutcomeOf(err error) outcome {
	var refused *digime.Error
	switch {
	case err == nil:
		return outcome{status: http.StatusOK}
	case errors.As(err, &refused) && refused.Status != 0:
		return outcome{status: refused.Status, retryAfter: refused.RetryAfter > 0}
	}
	return outcome{err: err}
}

// clientFrom returns an HTTP client that connects from an address of this machine.
func clientFrom(address string, keepAlive bool) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 10 * time.Second}
	return &http.Client{
		Timeout:       2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 100,
		},
	}
}

// loadBrowser is a browser that no answer surprises: its methods return what came of it.
type loadBrowser struct {
	url    string
	client *http.Client
}

func newLoadBrowser(site string) *loadBrowser {
	b := &loadBrowser{url: site, client: clientFrom("127.0.0.1", true)}
	b.client.Jar, _ = cookiejar.New(nil) // it has no options that could be wrong
	return b
}

// get opens a page, of which it returns the root.
func (b *loadBrowser) get(ctx context.Context, path string) (*html.Node, outcome) {
	return b.do(ctx, http.MethodGet, path, nil)
}

func (b *loadBrowser) do(ctx context.Context, method, path string, form url.Values) (*html.Node, outcome) {
	if !strings.HasPrefix(path, "http") {
		path = b.url + path
	}
	q, err := http.NewRequestWithContext(ctx, method, path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, outcome{err: err}
	}
	if method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Origin", b.url)
	}
	r, err := b.client.Do(q)
	if err != nil {
		return nil, outcome{err: err}
	}
	defer func() { _ = r.Body.Close() }()
	o := outcome{status: r.StatusCode, retryAfter: r.Header.Get("Retry-After") != ""}
	if to := r.Header.Get("Location"); to != "" && o.status/100 == 3 {
		return &html.Node{Type: html.ElementNode, Data: "redirect", Attr: []html.Attribute{{Key: "to", Val: to}}}, o
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		o.err = err
		return nil, o
	}
	root, err := html.Parse(bytes.NewReader(text))
	o.err = err
	return root, o
}

// click sends the form of a page that has the button, with more fields. It returns what the answer redirects to.
func (b *loadBrowser) click(ctx context.Context, path string, page *html.Node, button string, more url.Values) (
	to string, o outcome,
) {
	pressed := findElement(page, func(n *html.Node) bool { return attributeOf(n, "data-testid") == button })
	form := pressed
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	if form == nil {
		return "", outcome{status: http.StatusOK, err: fmt.Errorf("%s has no button %s", path, button)}
	}
	fields := url.Values{}
	findElement(form, func(n *html.Node) bool {
		if n.Data == "input" && attributeOf(n, "type") != "checkbox" {
			fields.Set(attributeOf(n, "name"), attributeOf(n, "value"))
		}
		return false
	})
	if name := attributeOf(pressed, "name"); name != "" {
		fields.Set(name, attributeOf(pressed, "value"))
	}
	for name, values := range more {
		fields[name] = values
	}
	action := path
	if a := attributeOf(form, "action"); a != "" {
		action = a
	}
	answer, o := b.do(ctx, http.MethodPost, action, fields)
	if o.ok() && o.status != http.StatusSeeOther {
		o.err = fmt.Errorf("the form of %s leads to no other page", path)
	}
	return attributeOf(answer, "to"), o
}

// signIn signs a person in.
func (b *loadBrowser) signIn(ctx context.Context, email, password string) outcome {
	page, o := b.get(ctx, "/sign-in")
	if !o.ok() {
		return o
	}
	_, o = b.click(ctx, "/sign-in", page, "sign-in", url.Values{"email": {email}, "password": {password}})
	return o
}

// findElement returns the first element below n that want accepts; nil if there is none.
func findElement(n *html.Node, want func(*html.Node) bool) *html.Node {
	if n == nil || n.Type == html.ElementNode && want(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if found := findElement(c, want); found != nil {
			return found
		}
	}
	return nil
}

func attributeOf(n *html.Node, name string) string {
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

package webtest

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Browser is a browser without JavaScript: it keeps cookies, reads pages and sends their forms.
type Browser struct {
	T testing.TB
	// Header is sent with each request.
	Header http.Header

	site   string
	client *http.Client
}

// NewBrowser returns a browser that has not been at the site.
func (w *World) NewBrowser() *Browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.T.Fatal(err)
	}
	return &Browser{T: w.T, Header: http.Header{}, site: w.URL, client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Cookies are the browser's cookies of the site.
func (b *Browser) Cookies() []*http.Cookie { return b.client.Jar.Cookies(b.siteURL()) }

// SetCookies sets cookies of the site.
func (b *Browser) SetCookies(cookies ...*http.Cookie) { b.client.Jar.SetCookies(b.siteURL(), cookies) }

// Copy returns another browser with the same cookies.
func (w *World) Copy(b *Browser) *Browser {
	w.T.Helper()
	other := w.NewBrowser()
	other.SetCookies(b.Cookies()...)
	return other
}

// ExpireLogin replaces the login cookie by one that has ended.
func (b *Browser) ExpireLogin() {
	b.SetCookies(&http.Cookie{Name: "carrel_login", Value: "over", Path: "/"})
}

// BlockCookies forgets the cookies, and keeps none from now on.
func (b *Browser) BlockCookies() { b.client.Jar = nil }

func (b *Browser) siteURL() *url.URL {
	u, err := url.Parse(b.site)
	if err != nil {
		b.T.Fatal(err)
	}
	return u
}

// Do sends a request and follows no redirect.
func (b *Browser) Do(r *http.Request) *Page {
	b.T.Helper()
	for name, values := range b.Header {
		r.Header[name] = values
	}
	answer, err := b.client.Do(r)
	if err != nil {
		b.T.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.T.Fatal(err)
	}
	root, err := html.Parse(strings.NewReader(string(body)))
	if err != nil {
		b.T.Fatal(err)
	}
	return &Page{
		Browser: b, URL: r.URL, Status: answer.StatusCode, Header: answer.Header, Body: string(body), root: root,
	}
}

// Get opens a page, and follows redirects within the site.
func (b *Browser) Get(address string) *Page {
	b.T.Helper()
	return b.Request(http.MethodGet, address, nil, nil).followed()
}

// Post sends fields as a page of the site would, and follows no redirect.
func (b *Browser) Post(address string, fields url.Values) *Page {
	b.T.Helper()
	return b.Request(http.MethodPost, address, fields, http.Header{"Origin": {b.site}})
}

// PostFile sends fields and a file as a page of the site would, and follows no redirect.
func (b *Browser) PostFile(address string, fields url.Values, field, content string) *Page {
	b.T.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name := range fields {
		_ = form.WriteField(name, fields.Get(name)) // a buffer takes everything
	}
	file, err := form.CreateFormFile(field, "file")
	if err != nil {
		b.T.Fatal(err)
	}
	_, _ = io.WriteString(file, content)
	_ = form.Close()
	r, err := http.NewRequest(http.MethodPost, address, &body)
	if err != nil {
		b.T.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Origin", b.site)
	return b.Do(r)
}

// Request sends a request with fields and headers, and follows no redirect.
func (b *Browser) Request(method, address string, fields url.Values, header http.Header) *Page {
	b.T.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.site + address
	}
	var body io.Reader
	if fields != nil {
		body = strings.NewReader(fields.Encode())
	}
	r, err := http.NewRequest(method, address, body)
	if err != nil {
		b.T.Fatal(err)
	}
	if fields != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range header {
		r.Header[name] = values
	}
	return b.Do(r)
}

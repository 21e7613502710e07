package carreltest

import (
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
)

// OpensPages serves the page of the provider at which a person confirms, for browsers. It is another site than the
// library's.
func (p *Provider) OpensPages() {
	server := httptest.NewServer(p)
	p.w.t.Cleanup(server.Close)
	p.URL = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}

// Requests returns the requests to the provider's page.
func (p *Provider) Requests() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

var providerPage = template.Must(template.New("").Parse(`<!doctype html><html lang="en"><title>Practice provider</title>
<main><h1>Practice provider</h1><form method="post"><p>
<button name="say" value="yes" data-testid="sim-approve">Confirm</button>
<button name="say" value="no" data-testid="sim-deny">Do not confirm</button></p></form></main>`))

// ServeHTTP serves the provider's page. Its form may end at the redirect URI and nowhere else.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r)
	p.mu.Unlock()
	callback, err := url.Parse(r.FormValue("redirect_uri"))
	if err != nil || r.URL.Path != "/authorize" {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Security-Policy", "form-action 'self' "+callback.Scheme+"://"+callback.Host)
		_ = providerPage.Execute(w, nil)
		return
	}
	answer := url.Values{"state": {r.FormValue("state")}}
	if r.FormValue("say") == "yes" {
		answer.Set("code", GoodCode)
	} else {
		answer.Set("error", "access_denied")
	}
	callback.RawQuery = answer.Encode()
	http.Redirect(w, r, callback.String(), http.StatusSeeOther)
}

package pages

import (
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/library"
)

// way is where the pages at the door lead on to. An application's link keeps one
// address for all its steps; who comes by themselves goes from page to page.
type way struct {
	// request is the link's; nil for who comes by themselves.
	request *library.PendingRequest
	// link is the link's address without a step, asked what the application wrote into it.
	link  *url.URL
	asked linkQuery
	// to is the page that was asked for before signing in.
	to string
}

// The steps of a link that a person can choose; the others follow from how far they
// are.
const (
	stepSignIn  = "sign-in"
	stepCreate  = "create"
	stepRecover = "recover"
	stepTerms   = "terms"
	stepPrivacy = "privacy"
	// How a trip to a provider ended.
	stepGone    = "gone"
	stepRefused = "refused"
	stepFailed  = "failed"
	stepPending = "pending"
)

// ownWay is the way of who comes by themselves.
func ownWay(r *http.Request) way {
	to := r.URL.Query().Get("to")
	if !localPath(to) {
		to = ""
	}
	return way{to: to}
}

// linkWay is the way of a link. What a page of it was searched for is no part of it.
func linkWay(r *http.Request, request *library.PendingRequest, asked linkQuery) way {
	query := r.URL.Query()
	for _, name := range []string{"step", "q", "page"} {
		query.Del(name)
	}
	return way{request: request, asked: asked, link: &url.URL{Path: r.URL.Path, RawQuery: query.Encode()}}
}

// choosing is the link's query without a provider.
func (w way) choosing() url.Values {
	query := w.link.Query()
	query.Del("service")
	return query
}

// choose is the address at which to choose another provider.
func (w way) choose() string { return w.link.Path + "?" + w.choosing().Encode() }

// chosen is the link's address with a provider.
func (w way) chosen(source int) string {
	query := w.choosing()
	query.Set("service", strconv.Itoa(source))
	return w.link.Path + "?" + query.Encode()
}

// step is the address of a step.
func (w way) step(name string) string {
	if w.link == nil {
		if w.to == "" {
			return "/" + name
		}
		return "/" + name + "?" + url.Values{"to": {w.to}}.Encode()
	}
	query := w.link.Query()
	query.Set("step", name)
	return w.link.Path + "?" + query.Encode()
}

// next is where a person goes who is through the door.
func (w way) next() string {
	switch {
	case w.link != nil:
		return w.link.RequestURI()
	case w.to != "":
		return w.to
	}
	return "/files"
}

// app is the name of who sent the person; empty if nobody did.
func (w way) app() string {
	if w.request == nil {
		return ""
	}
	return appName(w.request)
}

// appName is an application's name as it may be shown.
func appName(r *library.PendingRequest) string { return quote(r.Client.Application.Name) }

// localPath reports whether to is the path of a page of ours, which cannot be taken
// for another host by any browser.
func localPath(to string) bool {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\t\r\n") {
		return false
	}
	u, err := url.Parse(to)
	return err == nil && u.Scheme == "" && u.Host == ""
}

// sender is the application that sent a person here.
type sender struct {
	Name, Initials string
	// Asks says that the page is the application's question.
	Asks bool
}

// senderOf is nil where no application sent the person.
func senderOf(r *library.PendingRequest) *sender {
	if r == nil {
		return nil
	}
	name := appName(r)
	return &sender{Name: name, Initials: initials(name)}
}

// initials stand in for a logo: those of the first two words.
func initials(name string) string {
	var b strings.Builder
	for _, word := range strings.Fields(name) {
		if first, _ := utf8.DecodeRuneInString(word); b.Len() < 2*utf8.UTFMax && len([]rune(b.String())) < 2 {
			b.WriteRune(first)
		}
	}
	return strings.ToUpper(b.String())
}

// back is a link to an application.
type back struct {
	App string
	// URL is of the library's making: a callback that was checked when the contract
	// was registered, so that a scheme of the application's own may pass.
	URL template.URL
}

func backTo(r *library.PendingRequest, callback string) *back {
	return &back{App: appName(r), URL: template.URL(callback)}
}

// allowEndAt lets the page's forms end at the request's callback.
func allowEndAt(w http.ResponseWriter, r *library.PendingRequest) {
	if target := formTarget(r.RedirectURI); target != "" {
		w.Header().Set("Content-Security-Policy", policy(target))
	}
}

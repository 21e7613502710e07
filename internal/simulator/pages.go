package simulator

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed templates texts
var files embed.FS

// pages are the templates, each with the layout around it. That they parse is tested.
var pages = map[string]*template.Template{
	"ask":  template.Must(template.ParseFS(files, "templates/layout.html", "templates/ask.html")),
	"end":  template.Must(template.ParseFS(files, "templates/layout.html", "templates/end.html")),
	"home": template.Must(template.ParseFS(files, "templates/layout.html", "templates/home.html")),
}

// view is what a page shows.
type view struct {
	pageTexts
	Title string
	Here  string // this page, for the link to the other language
	Data  any
}

// show sends a page.
func (s *Simulator) renderPage(w http.ResponseWriter, status int, name string, v view) {
	var page bytes.Buffer
	if err := pages[name].ExecuteTemplate(&page, "layout", v); err != nil {
		s.Log.Error("could not show a page", "page", name, "error", err)
		http.Error(w, "The page could not be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = page.WriteTo(w) // the browser's loss only
}

func (s *Simulator) getStyle(w http.ResponseWriter, _ *http.Request) {
	css, err := files.ReadFile("templates/style.css")
	if err != nil {
		http.Error(w, "not there", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(css) // the browser's loss only
}

// consentView is what the person is asked.
type consentView struct {
	Run, Provider, Question, Lead string
}

// askPerson shows the page where the person says who they are, and yes or no.
func (s *Simulator) showConsentPage(w http.ResponseWriter, r *http.Request, n *pendingAuthorization) {
	t := textsFor(r)
	known, _ := findService(n.service)
	provider := s.displayName(n.provider)
	ask := consentView{Run: n.id, Provider: provider, Question: t.T("sim.collect.h1"), Lead: t.T("sim.collect.lead")}
	if known.send {
		ask.Question, ask.Lead = t.T("sim.send.h1"), t.T("sim.send.lead")
	}
	fill := strings.NewReplacer("{client}", s.ClientName, "{provider}", provider, "{what}", known.name)
	ask.Question, ask.Lead = fill.Replace(ask.Question), fill.Replace(ask.Lead)
	if back, err := url.Parse(n.redirect); err == nil {
		w.Header().Set("Content-Security-Policy", cspPolicy("'self' "+back.Scheme+"://"+back.Host))
	}
	s.renderPage(w, http.StatusOK, "ask", view{pageTexts: t, Title: ask.Question, Here: "/runs/" + n.id, Data: ask})
}

// askAgain shows the same page anew, in another language.
func (s *Simulator) getConsentPage(w http.ResponseWriter, r *http.Request) {
	n, ok := s.grants.getPending(r.PathValue("run"), s.Now())
	if !ok {
		s.showDeadEnd(w, r, http.StatusGone, "sim.over")
		return
	}
	s.showConsentPage(w, r, n)
}

// deadEnd shows a page that leads nowhere.
func (s *Simulator) showDeadEnd(w http.ResponseWriter, r *http.Request, status int, key string) {
	t := textsFor(r)
	s.renderPage(w, status, "end", view{pageTexts: t, Title: t.T(key + ".h1"), Data: t.T(key + ".text")})
}

// homeView is what the home page shows.
type homeView struct {
	Arrived      []filingView
	Filed        int
	Violations   []string
	Providers    []providerView
	Authorize    []string
	Token        []string
	Resource     []string
	Endpoints    []string
	ListFailures []string
	ListFailure  string
	Release      int
	Down         bool
}

type filingView struct {
	Number                                  int
	Provider, Patient, Types, Summary, JSON string
	When, Stamp                             string
}

type providerView struct {
	Name, Display, City string
	Services            []Service
	Now                 Behaviour
}

// maxShownFilings is how many filings the home page shows.
const maxShownFilings = 30

// home shows what arrived, and the switches.
func (s *Simulator) getHome(w http.ResponseWriter, r *http.Request) {
	t := textsFor(r)
	h := homeView{Filed: len(s.Filed()), Violations: s.Violations(), Down: s.isDown(),
		Authorize: modeNames(AuthorizeModes, "ask"), Token: modeNames(TokenModes, "right"), Resource: modeNames(ResourceModes, "right"),
		Endpoints: append([]string{"right"}, modeNames(BadEndpoints, "")...), ListFailures: modeNames(ListFailures, "right")}
	h.Violations = h.Violations[max(0, len(h.Violations)-maxShownFilings):]
	received := s.Received()
	slices.Reverse(received)
	for _, f := range received[:min(len(received), maxShownFilings)] {
		h.Arrived = append(h.Arrived, filingView{Number: f.Number, Provider: s.displayName(f.Provider), Patient: f.Patient,
			Types: strings.Join(f.Types, ", "), Summary: f.Summary, JSON: indentJSON(f.Body), When: t.formatTime(f.Time), Stamp: f.Time.UTC().Format(time.RFC3339)})
	}
	for _, p := range s.Providers() {
		h.Providers = append(h.Providers, providerView{Name: p.Name, Display: p.Display, City: p.City, Services: p.Services, Now: s.Behaviour(p.Name)})
	}
	s.lists.mu.Lock()
	h.Release, h.ListFailure = s.lists.release, string(s.lists.failure[ListProviders])
	s.lists.mu.Unlock()
	s.renderPage(w, http.StatusOK, "home", view{pageTexts: t, Title: t.T("sim.home.h1"), Here: "/", Data: h})
}

// modeNames are modes as a form has them, the empty one by a name.
func modeNames[M ~string](modes []M, empty string) (all []string) {
	for _, m := range modes {
		if m == "" {
			m = M(empty)
		}
		all = append(all, string(m))
	}
	return all
}

// maxShownBytes is how much of a body a page shows.
const maxShownBytes = 64 << 10

func indentJSON(body []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, body, "", "  "); err != nil {
		return strings.ToValidUTF8(string(body[:min(len(body), maxShownBytes)]), "?")
	}
	if out.Len() > maxShownBytes {
		return strings.ToValidUTF8(string(out.Bytes()[:maxShownBytes]), "") + "\n…"
	}
	return out.String()
}

// switches does what the home page's forms ask.
func (s *Simulator) postSwitch(w http.ResponseWriter, r *http.Request) {
	if err := s.applySwitch(r); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	to := "/"
	if chosen := r.PostFormValue("lng"); chosen != "" {
		to += "?" + url.Values{"lng": {chosen}}.Encode()
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Simulator) applySwitch(r *http.Request) error {
	provider := r.PostFormValue("provider")
	if err := s.checkProvider(provider); err != nil {
		return err
	}
	switch r.PostFormValue("do") {
	case "behave":
		for _, field := range []string{"authorize", "token", "resource", "resourceTimes", "endpoints"} {
			if err := s.SetByName(provider+"."+field, r.PostFormValue(field)); err != nil {
				return err
			}
		}
		return s.SetByName(provider+".refreshTokens", strconv.FormatBool(r.PostFormValue("refreshTokens") != ""))
	case "revoke":
		s.Revoke(provider)
	case "lists":
		release, err := strconv.Atoi(r.PostFormValue("release"))
		fault := ListFailure(strings.TrimPrefix(r.PostFormValue("fault"), "right"))
		if err != nil || release != 2 && release != 3 || !slices.Contains(ListFailures, fault) {
			return errors.New("no such release or fault of a list")
		}
		s.SetZALRelease(release)
		s.SetListFailure("", fault)
	case "publish":
		s.PublishLists()
	case "down":
		s.SetDown(r.PostFormValue("down") != "")
	default:
		return errors.New("no such switch")
	}
	return nil
}

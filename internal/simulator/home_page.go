package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// homePage has the handlers of the page that shows what was received and changes behaviours.
type homePage struct{ *Simulator }

// homeView is the data of the home page.
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

// maxShownFilings is the largest number of filings and violations on the home page.
const maxShownFilings = 30

// getHome shows the filings, the violations and the forms for behaviours.
func (s homePage) getHome(w http.ResponseWriter, r *http.Request) {
	t := textsFor(r)
	h := homeView{Filed: len(s.Filed()), Violations: s.Violations(), Down: s.backListener.isDown(),
		Authorize: modeNames(AuthorizeModes, "ask"), Token: modeNames(TokenModes, "right"),
		Resource:     modeNames(ResourceModes, "right"),
		Endpoints:    append([]string{"right"}, modeNames(BadEndpoints, "")...),
		ListFailures: modeNames(ListFailures, "right")}
	h.Violations = h.Violations[max(0, len(h.Violations)-maxShownFilings):]
	received := s.Received()
	slices.Reverse(received)
	for _, f := range received[:min(len(received), maxShownFilings)] {
		h.Arrived = append(h.Arrived, filingView{
			Number: f.Number, Provider: s.providers.displayName(f.Provider), Patient: f.Patient,
			Types: strings.Join(f.Types, ", "), Summary: f.Summary, JSON: indentJSON(f.Body),
			When: t.formatTime(f.Time), Stamp: f.Time.UTC().Format(time.RFC3339),
		})
	}
	for _, p := range s.Providers() {
		h.Providers = append(h.Providers, providerView{
			Name: p.Name, Display: p.Display, City: p.City, Services: p.Services, Now: s.Behaviour(p.Name),
		})
	}
	release, failure := s.Lists.shown()
	h.Release, h.ListFailure = release, string(failure)
	s.renderPage(w, http.StatusOK, "home", view{pageTexts: t, Title: t.T("sim.home.h1"), Here: "/", Data: h})
}

// modeNames returns modes as options of a form. empty is the name of the empty mode.
func modeNames[M ~string](modes []M, empty string) (all []string) {
	for _, m := range modes {
		if m == "" {
			m = M(empty)
		}
		all = append(all, string(m))
	}
	return all
}

// maxShownBytes is the largest part of a body that the home page shows.
const maxShownBytes = 64 << 10

// indentJSON returns a body, indented if it is JSON, and truncated to maxShownBytes.
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

// postSwitch handles the forms of the home page.
func (s homePage) postSwitch(w http.ResponseWriter, r *http.Request) {
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

// applySwitch applies a form of the home page.
func (s homePage) applySwitch(r *http.Request) error {
	provider := r.PostFormValue("provider")
	if err := s.providers.check(provider); err != nil {
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
		failure := ListFailure(strings.TrimPrefix(r.PostFormValue("fault"), "right"))
		if err != nil || release != 2 && release != 3 || !slices.Contains(ListFailures, failure) {
			return errors.New("no such release or failure of a list")
		}
		s.Lists.SetRelease(release)
		s.Lists.SetFailure("", failure)
	case "publish":
		s.Lists.Publish()
	case "down":
		s.SetDown(r.PostFormValue("down") != "")
	default:
		return errors.New("no such action")
	}
	return nil
}

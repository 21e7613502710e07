package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

// consentView is the data of the consent page.
type consentView struct {
	Run, Provider, Question, Lead string
}

// showConsentPage shows the page on which the person gives a name and approves or refuses.
func (s authorizationEndpoint) showConsentPage(w http.ResponseWriter, r *http.Request, n *pendingAuthorization) {
	t := textsFor(r)
	known, _ := findService(n.service)
	provider := s.providers.displayName(n.provider)
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

// getConsentPage shows the consent page again, in another language.
func (s authorizationEndpoint) getConsentPage(w http.ResponseWriter, r *http.Request) {
	n, ok := s.grants.getPending(r.PathValue("run"), s.Now())
	if !ok {
		s.showDeadEnd(w, r, http.StatusGone, "sim.over")
		return
	}
	s.showConsentPage(w, r, n)
}

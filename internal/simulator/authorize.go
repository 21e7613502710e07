package simulator

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// authorization is a request at an authorisation endpoint, as far as it can be read.
type authorization struct {
	redirect, state string
	scope           []string
	correlation     string
}

// authorize is the authorisation endpoint.
func (s *Simulator) authorize(w http.ResponseWriter, r *http.Request) {
	p, ok := s.find(r.PathValue("provider"), r.PathValue("service"))
	if !ok {
		s.deadEnd(w, r, http.StatusNotFound, "sim.nowhere")
		return
	}
	mode := s.conduct.of(p.name).Authorize
	a, known, bad := s.checkAuthorization(r, p)
	s.Log.Info("authorization", "provider", p.name, "service", r.PathValue("service"), "mode", mode, "refused", bad != nil || !known)
	switch {
	case !known || mode == AuthorizeUnknown:
		s.deadEnd(w, r, http.StatusBadRequest, "sim.unknown")
	case mode == AuthorizeNever:
		s.deadEnd(w, r, http.StatusOK, "sim.never")
	case bad != nil:
		s.goBack(w, r, a, url.Values{"error": {bad.code}, "error_description": {bad.text}})
	case mode == AuthorizeRefuse:
		s.goBack(w, r, a, denied())
	case mode == AuthorizeFault:
		s.goBack(w, r, a, url.Values{"error": {"server_error"}, "error_description": {"the provider has a fault"}})
	case mode == AuthorizeBusy:
		s.goBack(w, r, a, url.Values{"error": {"temporarily_unavailable"}, "error_description": {"the provider is busy"}})
	default:
		n := s.grants.begin(run{provider: p.name, service: r.PathValue("service"), scope: a.scope, redirect: a.redirect, state: a.state,
			correlation: a.correlation, query: r.URL.RawQuery, began: s.Now()})
		if mode == AuthorizeApprove || mode == AuthorizeWrongState || mode == AuthorizeNoState {
			s.approve(w, r, n.id, mode, "")
			return
		}
		s.askPerson(w, r, n)
	}
}

// decide takes what the person pressed.
func (s *Simulator) decide(w http.ResponseWriter, r *http.Request) {
	n, ok := s.grants.look(r.PathValue("run"), s.Now())
	if !ok {
		s.deadEnd(w, r, http.StatusGone, "sim.over")
		return
	}
	a := authorization{redirect: n.redirect, state: n.state}
	switch decision := r.PostFormValue("decision"); {
	case decision == "approve" && s.conduct.of(n.provider).Authorize != AuthorizeNoData:
		s.approve(w, r, n.id, s.conduct.of(n.provider).Authorize, r.PostFormValue("patient"))
	case decision == "approve", decision == "deny":
		s.grants.end(n.id, s.Now())
		s.goBack(w, r, a, denied())
	default:
		s.askPerson(w, r, n)
	}
}

// approve sends the person back with a code.
func (s *Simulator) approve(w http.ResponseWriter, r *http.Request, id string, mode AuthorizeMode, patient string) {
	n, ok := s.grants.end(id, s.Now())
	if !ok {
		s.deadEnd(w, r, http.StatusGone, "sim.over")
		return
	}
	if patient = strings.TrimSpace(patient); patient == "" {
		patient = "Practice patient"
	}
	if len(patient) > 200 {
		patient = strings.ToValidUTF8(patient[:200], "")
	}
	code := s.grants.addCode(n, patient, s.Now(), cmp.Or(s.conduct.of(n.provider).CodeLife, defaultCodeLife))
	s.record.secret(code)
	a := authorization{redirect: n.redirect, state: n.state}
	switch mode {
	case AuthorizeWrongState:
		a.state = newSecret()
	case AuthorizeNoState:
		a.state = ""
	}
	s.goBack(w, r, a, url.Values{"code": {code}})
}

// denied is the answer both where the person refused and where there is nothing about
// them: nobody may tell one from the other.
func denied() url.Values {
	return url.Values{"error": {"access_denied"}, "error_description": {"The authorization was not given."}}
}

// goBack sends the person back to the client.
func (s *Simulator) goBack(w http.ResponseWriter, r *http.Request, a authorization, answer url.Values) {
	if a.state != "" {
		answer.Set("state", a.state)
	}
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	http.Redirect(w, r, a.redirect+"?"+answer.Encode(), status)
}

// checkAuthorization checks each parameter. It says whether the client is known,
// without which nobody is sent back anywhere, and what else is wrong.
func (s *Simulator) checkAuthorization(r *http.Request, p provider) (a authorization, known bool, bad *refusal) {
	person := s.checkPerson(r)
	q := r.URL.Query()
	client, noClient := s.oneOf(r, q, "client_id")
	redirect, noRedirect := s.oneOf(r, q, "redirect_uri")
	switch {
	case noClient != nil || noRedirect != nil:
		return a, false, nil
	case client != s.ClientID:
		s.violate(r, "client_id", "is not on the list of clients")
		return a, false, nil
	case !redirectable(redirect):
		s.violate(r, "redirect_uri", "is not an https address without query and fragment")
		return a, false, nil
	}
	a.redirect = redirect
	first := func(found *refusal) {
		if bad == nil {
			bad = found
		}
	}
	first(person)
	state, none := s.oneOf(r, q, "state")
	first(none)
	if none == nil {
		if len(state) < minState || len(state) > maxState || !printable(state) {
			s.violate(r, "state", "is not %d to %d plain characters", minState, maxState)
		}
		a.state = state
	}
	kind, none := s.oneOf(r, q, "response_type")
	first(none)
	if none == nil && kind != "code" {
		s.violate(r, "response_type", "is not code")
		first(&refusal{"unsupported_response_type", "response_type must be code"})
	}
	scope, none := s.oneOf(r, q, "scope")
	first(none)
	if none == nil {
		a.scope, none = s.checkScope(r, p, r.PathValue("service"), scope)
		first(none)
	}
	first(s.checkIDs(r, q[requestID], q[correlationID], r.URL.RequestURI()))
	a.correlation = q.Get(correlationID)
	return a, true, bad
}

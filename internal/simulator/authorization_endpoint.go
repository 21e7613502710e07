package simulator

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// authorizationEndpoint is the authorization endpoint of all providers.
type authorizationEndpoint struct{ *Simulator }

// authorizationRequest has the parameters of a valid authorization request.
type authorizationRequest struct {
	redirect, state string
	scope           []string
	correlation     string
}

// getAuthorize handles an authorization request according to the provider's mode.
func (s authorizationEndpoint) getAuthorize(w http.ResponseWriter, r *http.Request) {
	p, ok := s.providers.find(r.PathValue("provider"), r.PathValue("service"))
	if !ok {
		s.showDeadEnd(w, r, http.StatusNotFound, "sim.nowhere")
		return
	}
	mode := s.behaviours.get(p.name).Authorize
	a, known, bad := s.checkAuthorization(r, p)
	s.Log.Info("authorization", "provider", p.name, "service", r.PathValue("service"), "mode", mode,
		"refused", bad != nil || !known)
	switch {
	case !known || mode == AuthorizeUnknownClient:
		s.showDeadEnd(w, r, http.StatusBadRequest, "sim.unknown")
	case mode == AuthorizeNever:
		s.showDeadEnd(w, r, http.StatusOK, "sim.never")
	case bad != nil:
		s.redirectToClient(w, r, a, errorValues(bad.code, bad.text))
	case mode == AuthorizeRefuse:
		s.redirectToClient(w, r, a, denied())
	case mode == AuthorizeServerError:
		s.redirectToClient(w, r, a, errorValues("server_error", "the provider has an internal error"))
	case mode == AuthorizeBusy:
		s.redirectToClient(w, r, a, errorValues("temporarily_unavailable", "the provider is busy"))
	default:
		n := s.grants.addPending(pendingAuthorization{
			provider: p.name, service: r.PathValue("service"), scope: a.scope, redirect: a.redirect, state: a.state,
			correlation: a.correlation, rawQuery: r.URL.RawQuery, started: s.Now(),
		})
		if mode == AuthorizeApprove || mode == AuthorizeWrongState || mode == AuthorizeNoState {
			s.approve(w, r, n.id, mode, "")
			return
		}
		s.showConsentPage(w, r, n)
	}
}

// postDecision handles the form of the consent page.
func (s authorizationEndpoint) postDecision(w http.ResponseWriter, r *http.Request) {
	s.grants.deciding.Lock()
	defer s.grants.deciding.Unlock()
	if before, ok := s.grants.decided[r.PathValue("run")]; ok {
		http.Redirect(w, r, before.redirect, http.StatusSeeOther) // the button was pressed twice
		return
	}
	n, ok := s.grants.getPending(r.PathValue("run"), s.Now())
	if !ok {
		s.showDeadEnd(w, r, http.StatusGone, "sim.over")
		return
	}
	a := authorizationRequest{redirect: n.redirect, state: n.state}
	switch decision := r.PostFormValue("decision"); {
	case decision == "approve" && s.behaviours.get(n.provider).Authorize != AuthorizeNoData:
		s.approve(w, r, n.id, s.behaviours.get(n.provider).Authorize, r.PostFormValue("patient"))
	case decision == "approve", decision == "deny":
		s.grants.takePending(n.id, s.Now())
		s.redirectDecided(w, r, n.id, a, denied())
	default:
		s.showConsentPage(w, r, n)
	}
}

// approve redirects the person to the client with a code.
func (s authorizationEndpoint) approve(w http.ResponseWriter, r *http.Request, id string, mode AuthorizeMode,
	patient string) {
	n, ok := s.grants.takePending(id, s.Now())
	if !ok {
		s.showDeadEnd(w, r, http.StatusGone, "sim.over")
		return
	}
	if patient = strings.TrimSpace(patient); patient == "" {
		patient = "Practice patient"
	}
	if len(patient) > 200 {
		patient = strings.ToValidUTF8(patient[:200], "")
	}
	code := s.grants.issueCode(n, patient, s.Now(), cmp.Or(s.behaviours.get(n.provider).CodeLife, defaultCodeLife))
	s.Record.addSecret(code)
	a := authorizationRequest{redirect: n.redirect, state: n.state}
	switch mode {
	case AuthorizeWrongState:
		a.state = newSecret()
	case AuthorizeNoState:
		a.state = ""
	}
	s.redirectDecided(w, r, id, a, url.Values{"code": {code}})
}

// redirectDecided redirects the person to the client after their decision. It remembers a decision that was made by a
// form.
func (s authorizationEndpoint) redirectDecided(w http.ResponseWriter, r *http.Request, id string,
	a authorizationRequest, answer url.Values) {
	if a.state != "" {
		answer.Set("state", a.state)
	}
	if r.Method == http.MethodPost {
		now := s.Now()
		maps.DeleteFunc(s.grants.decided, func(_ string, d decision) bool {
			return d.at.Add(defaultCodeLife).Before(now)
		})
		s.grants.decided[id] = decision{a.redirect + "?" + answer.Encode(), now}
	}
	s.redirectToClient(w, r, a, answer)
}

// denied returns the error response both for a person who refused and for a provider that
// has no data: a client cannot tell one from the other.
func denied() url.Values { return errorValues("access_denied", "The authorization was not given.") }

// errorValues returns the parameters of an error response.
func errorValues(code, description string) url.Values {
	return url.Values{"error": {code}, "error_description": {description}}
}

// redirectToClient redirects the person to the client with a response.
func (s authorizationEndpoint) redirectToClient(w http.ResponseWriter, r *http.Request, a authorizationRequest,
	answer url.Values) {
	if a.state != "" {
		answer.Set("state", a.state)
	}
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	http.Redirect(w, r, a.redirect+"?"+answer.Encode(), status)
}

// checkClient checks client_id and redirect_uri and returns the redirect_uri. If either is not
// valid, the person cannot be redirected.
func (s authorizationEndpoint) checkClient(r *http.Request, q url.Values) (redirect string, known bool) {
	client, noClient := s.singleParam(r, q, "client_id")
	redirect, noRedirect := s.singleParam(r, q, "redirect_uri")
	switch {
	case noClient != nil || noRedirect != nil:
		return "", false
	case client != s.ClientID:
		s.recordViolation(r, "client_id", "is not on the list of clients")
		return "", false
	case !validRedirectURI(redirect):
		s.recordViolation(r, "redirect_uri", "is not an https address without query and fragment")
		return "", false
	}
	return redirect, true
}

// checkAuthorization checks each parameter. known reports whether client_id and
// redirect_uri are valid; if not, the person is not redirected. bad is the first other
// error.
func (s authorizationEndpoint) checkAuthorization(
	r *http.Request, p simulatedProvider,
) (a authorizationRequest, known bool, bad *oauthError) {
	person := s.checkNoPerson(r)
	q := r.URL.Query()
	if a.redirect, known = s.checkClient(r, q); !known {
		return a, false, nil
	}
	first := func(found *oauthError) {
		if bad == nil {
			bad = found
		}
	}
	first(person)
	state, missing := s.singleParam(r, q, "state")
	first(missing)
	if missing == nil {
		if len(state) < minState || len(state) > maxState || !printable(state) {
			s.recordViolation(r, "state", "is not %d to %d plain characters", minState, maxState)
		}
		a.state = state
	}
	responseType, missing := s.singleParam(r, q, "response_type")
	first(missing)
	if missing == nil && responseType != "code" {
		s.recordViolation(r, "response_type", "is not code")
		first(&oauthError{"unsupported_response_type", "response_type must be code"})
	}
	scope, missing := s.singleParam(r, q, "scope")
	first(missing)
	if missing == nil {
		a.scope, missing = s.checkScope(r, p, r.PathValue("service"), scope)
		first(missing)
	}
	first(s.checkIDs(r, q[requestID], q[correlationID], r.URL.RequestURI()))
	a.correlation = q.Get(correlationID)
	return a, true, bad
}

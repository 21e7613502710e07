package simulator

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tokenResponse is what a token endpoint gives.
type tokenResponse struct {
	AccessToken  string `json:"access_token,omitempty"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
}

// tokenErrorResponse is what it answers otherwise.
type tokenErrorResponse struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func newTokenError(code, text string) response {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	return jsonResponse(status, "application/json", tokenErrorResponse{code, text})
}

// token is the token endpoint.
func (s *Simulator) postToken(w http.ResponseWriter, r *http.Request) {
	p, ok := s.find(r.PathValue("provider"), r.PathValue("service"))
	if !ok {
		http.Error(w, "no such service", http.StatusNotFound)
		return
	}
	if s.isDown() {
		abortConnection(w)
		return
	}
	kind, bad := s.checkTokenRequest(r)
	if bad != nil {
		s.Log.Info("token", "provider", p.name, "error", bad.code)
		newTokenError(bad.code, bad.text).write(w)
		return
	}
	b := s.behaviours.forTokenRequest(p.name)
	found, err := s.lookUpGrant(r, kind, p.name)
	switch {
	case err == nil:
		s.checkCorrelation(r, kind, found)
		err = modeError(b.Token)
	case errors.Is(err, errUsed) && kind == grantCode:
		s.recordViolation(r, "code", "was offered twice")
	case errors.Is(err, errRedirect):
		s.recordViolation(r, "redirect_uri", "is not that of the authorization request")
	}
	if err != nil {
		s.Log.Info("token", "provider", p.name, "grant", kind, "error", err)
		newTokenError("invalid_grant", err.Error()).write(w)
		return
	}
	s.Log.Info("token", "provider", p.name, "grant", kind, "mode", b.Token)
	s.respondToken(w, r, kind, b)
}

// The grants that there are, which are also the names of their parameters' values.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// look finds what the client offers.
func (s *Simulator) lookUpGrant(r *http.Request, kind, provider string) (credential, error) {
	if kind == grantCode {
		return s.grants.getCode(r.PostForm.Get("code"), provider, r.PathValue("service"), r.PostForm.Get("redirect_uri"), s.Now())
	}
	return s.grants.getRefreshToken(r.PostForm.Get("refresh_token"), provider, r.PathValue("service"), s.Now())
}

// modeError is the reason that a mode pretends.
func modeError(m TokenMode) error {
	return map[TokenMode]error{TokenUsed: errUsed, TokenExpired: errExpired, TokenRevoked: errRevoked, TokenWrongRedirect: errRedirect}[m]
}

// checkRun sees to it that a run keeps its correlation id, and a refresh has a new one.
func (s *Simulator) checkCorrelation(r *http.Request, kind string, c credential) {
	same := strings.EqualFold(r.Header.Get(correlationID), c.correlation)
	if kind == grantCode && !same {
		s.recordViolation(r, "correlation", "is not that of the authorization request")
	}
	if kind == grantRefresh && same {
		s.recordViolation(r, "correlation", "a refresh has that of the run before")
	}
}

// answerToken gives the tokens, or spoils that.
func (s *Simulator) respondToken(w http.ResponseWriter, r *http.Request, kind string, b Behaviour) {
	switch b.Token {
	case TokenHTML:
		response{status: http.StatusOK, contentType: "text/html; charset=utf-8", body: []byte(htmlBody)}.write(w)
		return
	case TokenRedirect:
		http.Redirect(w, r, s.outsideURL(), http.StatusFound)
		return
	case TokenEndless:
		writeEndless(w, "application/json", []byte(`{"access_token":"`))
		return
	}
	if status, err := strconv.Atoi(string(b.Token)); err == nil {
		a := response{status: status, contentType: "text/plain", body: []byte("out of order\n")}
		if status == http.StatusServiceUnavailable {
			a.header = retryAfterHeader(b)
		}
		a.write(w)
		return
	}
	if strings.Contains(string(b.Token), "_") { // a code of OAuth
		newTokenError(string(b.Token), "as the simulator was told").write(w)
		return
	}
	given, err := s.redeem(r, kind, b)
	if err != nil {
		newTokenError("invalid_grant", err.Error()).write(w)
		return
	}
	a := jsonResponse(http.StatusOK, "application/json;charset=UTF-8", given)
	a.header = map[string]string{"Pragma": "no-cache"}
	switch b.Token {
	case TokenCut:
		abortConnection(w)
	case TokenNotJSON:
		a.body = a.body[:len(a.body)/2]
		a.write(w)
	case TokenEmpty:
		response{status: http.StatusOK}.write(w)
	case TokenSlow, TokenLate:
		wait := cmp.Or(b.Slow, defaultSlow)
		if b.Token == TokenLate {
			wait = cmp.Or(b.Late, defaultLate)
		}
		if waitOrAbort(w, r, wait) {
			a.write(w)
		}
	default:
		a.write(w)
	}
}

// give uses up what the client offered and gives tokens for it.
func (s *Simulator) redeem(r *http.Request, kind string, b Behaviour) (tokenResponse, error) {
	life, refreshLife := cmp.Or(b.AccessTokenLife, defaultAccessLife), cmp.Or(b.RefreshTokenLife, defaultRefreshLife)
	if !b.RefreshTokens {
		refreshLife = 0
	}
	offered := r.PostForm.Get("code")
	if kind == grantRefresh {
		offered = r.PostForm.Get("refresh_token")
	}
	access, refresh, services, err := s.grants.redeem(offered, r.Header.Get(correlationID), s.Now(), life, refreshLife)
	if err != nil {
		return tokenResponse{}, err
	}
	s.record.addSecret(access)
	given := tokenResponse{AccessToken: access, TokenType: "Bearer", ExpiresIn: int(life / time.Second),
		Scope: strings.Join(services, " ")}
	if refresh != "" {
		s.record.addSecret(refresh)
		given.RefreshToken = refresh
	}
	switch b.Token {
	case TokenNoToken:
		given.AccessToken = ""
	case TokenNotBearer:
		given.TokenType = "mac"
	}
	return given, nil
}

// checkToken checks a token request, and says what kind it is.
func (s *Simulator) checkTokenRequest(r *http.Request) (kind string, bad *oauthError) {
	bad = s.checkBackchannel(r)
	if mediaType(r.Header.Get("Content-Type")) != "application/x-www-form-urlencoded" {
		s.recordViolation(r, "content type", "is not that of a form")
		return "", &oauthError{"invalid_request", "the request is not a form"}
	}
	if r.URL.RawQuery != "" {
		s.recordViolation(r, "parameter", "there are some in the address")
	}
	if r.Header.Get("Authorization") != "" {
		s.recordViolation(r, "headers", "there is an Authorization, though the client is known by its certificate")
	}
	if err := r.ParseForm(); err != nil {
		s.recordViolation(r, "parameter", "the form cannot be read")
		return "", &oauthError{"invalid_request", "the form cannot be read"}
	}
	kind, none := s.singleParam(r, r.PostForm, "grant_type")
	wanted := []string{"client_id", "grant_type"}
	switch {
	case none != nil:
		return "", none
	case kind == grantCode:
		wanted = append(wanted, "code", "redirect_uri")
	case kind == grantRefresh:
		wanted = append(wanted, "refresh_token")
	default:
		s.recordViolation(r, "grant_type", "is neither %s nor %s", grantCode, grantRefresh)
		return "", &oauthError{"unsupported_grant_type", "no such grant type"}
	}
	if found := s.checkForm(r, wanted); bad == nil {
		bad = found
	}
	if bad == nil && r.PostForm.Get("client_id") != s.ClientID {
		s.recordViolation(r, "client_id", "is not that of the certificate")
		bad = &oauthError{"invalid_client", "client_id is not that of the certificate"}
	}
	return kind, bad
}

// checkForm sees to it that a form holds what it must and nothing else.
func (s *Simulator) checkForm(r *http.Request, wanted []string) (bad *oauthError) {
	for _, name := range wanted {
		if name == "grant_type" {
			continue // has been
		}
		if _, none := s.singleParam(r, r.PostForm, name); none != nil && bad == nil {
			bad = none
		}
	}
	for name := range r.PostForm {
		if !slices.Contains(wanted, name) {
			s.recordViolation(r, "parameter", "%q does not belong here", truncatePath(name))
		}
	}
	return bad
}

// retryAfterHeader is the header that goes with being busy.
func retryAfterHeader(b Behaviour) map[string]string {
	wait := cmp.Or(b.RetryAfter, defaultRetryAfter)
	if wait < 0 {
		return nil
	}
	return map[string]string{"Retry-After": strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
}

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

// tokenEndpoint is the token endpoint of all providers.
type tokenEndpoint struct{ *Simulator }

// tokenResponse is a successful token response.
type tokenResponse struct {
	AccessToken  string `json:"access_token,omitempty"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope"`
}

// tokenErrorResponse is an error response of a token endpoint.
type tokenErrorResponse struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// newTokenError returns an error response.
func newTokenError(code, text string) response {
	status := http.StatusBadRequest
	if code == "invalid_client" {
		status = http.StatusUnauthorized
	}
	return jsonResponse(status, "application/json", tokenErrorResponse{code, text})
}

// postToken handles a token request.
func (s tokenEndpoint) postToken(w http.ResponseWriter, r *http.Request) {
	p, ok := s.providers.find(r.PathValue("provider"), r.PathValue("service"))
	if !ok {
		http.Error(w, "no such service", http.StatusNotFound)
		return
	}
	if s.backListener.isDown() {
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
		s.recordViolation(r, "code", "was sent twice")
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

// The grant types.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
)

// lookUpGrant returns the code or the refresh token of a request.
func (s tokenEndpoint) lookUpGrant(r *http.Request, kind, provider string) (credential, error) {
	if kind == grantCode {
		return s.grants.getCode(r.PostForm.Get("code"), provider, r.PathValue("service"),
			r.PostForm.Get("redirect_uri"), s.Now())
	}
	return s.grants.getRefreshToken(r.PostForm.Get("refresh_token"), provider, r.PathValue("service"), s.Now())
}

// modeError returns the error of a mode that refuses the code or token, or nil.
func modeError(m TokenMode) error {
	return map[TokenMode]error{TokenUsed: errUsed, TokenExpired: errExpired, TokenRevoked: errRevoked,
		TokenWrongRedirect: errRedirect}[m]
}

// checkCorrelation checks that a code is exchanged with the correlation id of its
// authorization request, and that a refresh has a new one.
func (s tokenEndpoint) checkCorrelation(r *http.Request, kind string, c credential) {
	same := strings.EqualFold(r.Header.Get(correlationID), c.correlation)
	if kind == grantCode && !same {
		s.recordViolation(r, "correlation", "is not that of the authorization request")
	}
	if kind == grantRefresh && same {
		s.recordViolation(r, "correlation", "a refresh repeats the id of the request before it")
	}
}

// respondToken issues tokens, or fails according to the behaviour.
func (s tokenEndpoint) respondToken(w http.ResponseWriter, r *http.Request, grantType string, b Behaviour) {
	if s.failWithoutTokens(w, r, b) {
		return
	}
	tokens, err := s.redeem(r, grantType, b)
	if err != nil {
		newTokenError("invalid_grant", err.Error()).write(w)
		return
	}
	a := jsonResponse(http.StatusOK, "application/json;charset=UTF-8", tokens)
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

// failWithoutTokens responds in the modes that issue no tokens, and reports whether it has
// responded.
func (s tokenEndpoint) failWithoutTokens(w http.ResponseWriter, r *http.Request, b Behaviour) bool {
	status, notANumber := strconv.Atoi(string(b.Token))
	switch {
	case b.Token == TokenHTML:
		htmlResponse(http.StatusOK).write(w)
	case b.Token == TokenRedirect:
		http.Redirect(w, r, s.outsideURL(), http.StatusFound)
	case b.Token == TokenEndless:
		writeEndless(w, "application/json", []byte(`{"access_token":"`))
	case notANumber == nil:
		a := response{status: status, contentType: "text/plain", body: []byte("a simulated failure\n")}
		if status == http.StatusServiceUnavailable {
			a.header = retryAfterHeader(b)
		}
		a.write(w)
	case strings.Contains(string(b.Token), "_"): // an OAuth error code
		newTokenError(string(b.Token), "a simulated failure").write(w)
	default:
		return false
	}
	return true
}

// redeem uses the code or refresh token of a request and issues tokens.
func (s tokenEndpoint) redeem(r *http.Request, kind string, b Behaviour) (tokenResponse, error) {
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
	s.Record.addSecret(access)
	given := tokenResponse{AccessToken: access, TokenType: "Bearer", ExpiresIn: int(life / time.Second),
		Scope: strings.Join(services, " ")}
	if refresh != "" {
		s.Record.addSecret(refresh)
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

// checkTokenRequest checks a token request and returns its grant type.
func (s tokenEndpoint) checkTokenRequest(r *http.Request) (kind string, bad *oauthError) {
	bad = s.checkBackchannel(r)
	if mediaType(r.Header.Get("Content-Type")) != "application/x-www-form-urlencoded" {
		s.recordViolation(r, "content type", "is not that of a form")
		return "", &oauthError{"invalid_request", "the request is not a form"}
	}
	if r.URL.RawQuery != "" {
		s.recordViolation(r, "parameter", "the address has parameters")
	}
	if r.Header.Get("Authorization") != "" {
		s.recordViolation(r, "headers", "Authorization is set, although the certificate authenticates the client")
	}
	if err := r.ParseForm(); err != nil {
		s.recordViolation(r, "parameter", "the form cannot be parsed")
		return "", &oauthError{"invalid_request", "the form cannot be parsed"}
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

// checkForm checks that a form has the wanted parameters and no others.
func (s tokenEndpoint) checkForm(r *http.Request, wanted []string) (bad *oauthError) {
	for _, name := range wanted {
		if name == "grant_type" {
			continue // checked before
		}
		if _, none := s.singleParam(r, r.PostForm, name); none != nil && bad == nil {
			bad = none
		}
	}
	for name := range r.PostForm {
		if !slices.Contains(wanted, name) {
			s.recordViolation(r, "parameter", "%q is not a parameter of this request", truncatePath(name))
		}
	}
	return bad
}

// retryAfterHeader returns the header Retry-After of a busy endpoint, rounded up to seconds.
func retryAfterHeader(b Behaviour) map[string]string {
	wait := cmp.Or(b.RetryAfter, defaultRetryAfter)
	if wait < 0 {
		return nil
	}
	return map[string]string{"Retry-After": strconv.Itoa(int((wait + time.Second - 1) / time.Second))}
}

package digimetest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// A consent is what the person has agreed to. Its tokens and codes share it.
type consent struct {
	provider bool // the person has connected a provider to push to
}

// A grant is what a token stands for.
type grant struct {
	contract string
	consent  *consent
	expired  bool
}

// A codeGrant is what a code stands for: an authorisation that has been started or allowed.
type codeGrant struct {
	contract, challenge, redirect, state string
	account                              digime.AccountID // to revoke, if any
	consent                              *consent         // nil for an account to revoke
}

// Allow plays the person: it opens the page at the URL of an authorisation, or of [digime.User.RevokeAccountURL], and
// agrees. It returns the URL to which the browser is sent back: the redirect URL with the query of the callback. A test
// passes its query to ParseCallback, or requests it from its application.
func (l *Library) Allow(pageURL string) (*url.URL, error) { return l.answerPage(pageURL, true) }

// Deny plays the person as [Library.Allow] does, but refuses.
func (l *Library) Deny(pageURL string) (*url.URL, error) { return l.answerPage(pageURL, false) }

var errUsedLink = errors.New("this link was used before or is unknown")

func (l *Library) answerPage(pageURL string, allow bool) (*url.URL, error) {
	page, err := url.Parse(pageURL)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	code := page.Query().Get("code")
	g, ok := l.codes[code]
	if !ok {
		return nil, errUsedLink
	}
	callback, err := url.Parse(g.redirect)
	if err != nil {
		return nil, err
	}
	delete(l.codes, code)
	query := callback.Query()
	switch {
	case g.account != "" && allow:
		l.deleteAccount(g.account)
		query.Set("result", "success")
	case g.account != "":
		query.Set("result", "failed")
		query.Set("error_message", string(digime.CallbackUserCancel))
	case allow:
		query.Set("success", "true")
		query.Set("state", g.state)
		query.Set("iss", l.URL)
		if err := l.allowStorage(page.Query().Get("storageRef")); err != nil {
			return nil, err
		}
		l.allow(query, g, page.Query().Get("sourceType"))
	default:
		query.Set("success", "false")
		query.Set("errorCode", string(digime.CallbackUserCancel))
		query.Set("state", g.state)
		query.Set("iss", l.URL)
	}
	callback.RawQuery = query.Encode()
	return callback, nil
}

// allow adds to the query what a consent gives: a code to exchange, and the account that was connected.
func (l *Library) allow(query url.Values, g codeGrant, sourceType string) {
	if sourceType == string(digime.SourcePush) {
		g.consent.provider = true
	}
	if g.challenge == "" {
		return // the tokens stay valid, and there is no code
	}
	code := wire.RandomAlphanumeric(43)
	l.codes[code] = g
	query.Set("code", code)
	want := digime.AccountUser
	if sourceType == string(digime.SourcePush) {
		want = digime.AccountPush
	}
	for _, a := range l.accounts {
		if a.Type == want {
			query.Set("accountReference", a.Reference)
		}
	}
}

// page is the page for a browser that follows redirects. The person allows everything.
func (l *Library) page(w http.ResponseWriter, r *http.Request) {
	callback, err := l.Allow(r.URL.String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.Redirect(w, r, callback.String(), http.StatusFound)
}

// sign answers with a token that the library has signed.
func (l *Library) sign(w http.ResponseWriter, claims any, session *wire.Session) error {
	header := wire.Header{KeySetURL: l.URL + "/v1.7/" + string(EndpointKeys), KeyID: "key-1"}
	token, err := wire.Sign(l.key, header, claims)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, wire.SignedAnswer{Token: token, Session: session})
}

func newSession() *wire.Session {
	return &wire.Session{Key: wire.RandomAlphanumeric(32), Expiry: wire.MillisOf(time.Now().Add(time.Hour))}
}

func (l *Library) keys(w http.ResponseWriter, _ *http.Request) {
	key := wire.NewJSONWebKey("key-1", &l.key.PublicKey)
	_ = writeJSON(w, http.StatusOK, wire.KeySet{Keys: []wire.JSONWebKey{key}}) // it always encodes
}

func (l *Library) checkRedirect(redirect string) error {
	if plain, _, _ := strings.Cut(redirect, "?"); plain != l.RedirectURL {
		return &digime.Error{Code: digime.CodeInvalidRedirectURI, Status: http.StatusBadRequest,
			Message: "The redirect_uri (" + redirect + ") is invalid"}
	}
	return nil
}

func (l *Library) authorize(w http.ResponseWriter, _ *http.Request, c caller) error {
	if err := l.checkRedirect(c.claims.RedirectURI); err != nil {
		return err
	}
	if c.claims.CodeChallengeMethod != wire.ChallengeS256 || c.claims.ResponseMode != "query" ||
		c.claims.ResponseType != "code" || c.claims.State == "" {
		return validation("authorize")
	}
	code := wire.RandomAlphanumeric(43)
	l.mu.Lock()
	_, known := l.access[c.claims.AccessToken] // an expired one is accepted
	l.codes[code] = codeGrant{contract: c.contract.ID, challenge: c.claims.CodeChallenge,
		redirect: c.claims.RedirectURI, state: c.claims.State, consent: &consent{}}
	l.mu.Unlock()
	if c.claims.AccessToken != "" && !known {
		return invalidToken("access_token")
	}
	return l.sign(w, wire.PreauthorizationClaims{PreauthorizationCode: code}, newSession())
}

// tokenReference gives a code to a page that acts for the person.
func (l *Library) tokenReference(w http.ResponseWriter, _ *http.Request, c caller) error {
	if err := l.checkRedirect(c.claims.RedirectURI); err != nil {
		return err
	}
	code := wire.RandomAlphanumeric(43)
	l.mu.Lock()
	g, ok := l.access[c.claims.AccessToken]
	expired := ok && g.expired
	if ok {
		l.codes[code] = codeGrant{contract: c.contract.ID, challenge: c.claims.CodeChallenge,
			redirect: c.claims.RedirectURI, state: c.claims.State, consent: g.consent}
	}
	l.mu.Unlock()
	switch {
	case !ok:
		return invalidToken("access_token")
	case expired && c.claims.CodeChallenge == "":
		return expiredToken("access_token")
	}
	return l.sign(w, wire.ReferenceClaims{
		ReferenceCode: code, TokenType: "Bearer", ExpiresOn: wire.SecondsOf(time.Now().Add(time.Hour)),
	}, newSession())
}

// accountHandle gives a handle of an account or a storage.
func (l *Library) accountHandle(w http.ResponseWriter, r *http.Request, c caller) error {
	if c.claims.AccessToken != "" {
		return validation("a reference belongs to nobody")
	}
	var body wire.ReferenceRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return validation("reference")
	}
	if body.Type == wire.ReferenceStorage {
		handle, ok := l.storageHandle(digime.StorageID(body.Value))
		if !ok {
			return notFound("Storage")
		}
		return writeJSON(w, http.StatusOK, wire.ReferenceAnswer{ID: handle})
	}
	return writeJSON(w, http.StatusOK, wire.ReferenceAnswer{ID: "reference-1"})
}

// exchange gives tokens for a code or a refresh token.
func (l *Library) exchange(w http.ResponseWriter, r *http.Request, c caller) error {
	if n, _ := io.Copy(io.Discard, r.Body); n != 0 {
		return validation("the body is not empty")
	}
	claims, err := l.redeem(c)
	if err != nil {
		return err
	}
	return l.sign(w, claims, nil)
}

func (l *Library) redeem(c caller) (wire.TokenClaims, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch c.claims.GrantType {
	case wire.GrantAuthorizationCode:
		g, ok := l.codes[c.claims.Code]
		if !ok || g.contract != c.contract.ID {
			return wire.TokenClaims{}, invalidToken("authorization_code")
		}
		if !wire.ValidVerifier(c.claims.CodeVerifier) || wire.Challenge(c.claims.CodeVerifier) != g.challenge {
			return wire.TokenClaims{}, invalidToken("code_verifier")
		}
		delete(l.codes, c.claims.Code)
		return l.newToken(grant{contract: g.contract, consent: g.consent}, wire.RandomAlphanumeric(43)), nil
	case wire.GrantRefreshToken:
		g, ok := l.refresh[c.claims.RefreshToken]
		switch {
		case !ok || g.contract != c.contract.ID:
			return wire.TokenClaims{}, invalidToken("refresh_token")
		case g.expired:
			return wire.TokenClaims{}, expiredToken("refresh_token")
		}
		return l.newToken(*g, c.claims.RefreshToken), nil
	}
	return wire.TokenClaims{}, validation("grant_type")
}

// newToken issues an access token, and a refresh token with the given value.
func (l *Library) newToken(g grant, refresh string) wire.TokenClaims {
	access, now := wire.RandomAlphanumeric(43), time.Now()
	own := g // expires by itself
	l.access[access], l.refresh[refresh] = &g, &own
	return wire.TokenClaims{
		AccessToken:  wire.TokenValue{Value: access, ExpiresOn: wire.SecondsOf(now.Add(24 * time.Hour))},
		RefreshToken: wire.TokenValue{Value: refresh, ExpiresOn: wire.SecondsOf(now.Add(180 * 24 * time.Hour))},
		Subject:      "person-1", ConsentID: "consent-1",
		Identifier: wire.Identifier{ID: "person-1"}, TokenType: "Bearer",
	}
}

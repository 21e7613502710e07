package digime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

func (l *fakeLibrary) routes() {
	l.mux = http.NewServeMux()
	l.mux.HandleFunc("GET /v1.7/jwks/oauth", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, wire.KeySet{Keys: []wire.JSONWebKey{wire.NewJSONWebKey("key-1", &l.key.PublicKey)}})
	})
	l.mux.HandleFunc("POST /v1.7/oauth/authorize", l.signed(false, l.authorize))
	l.mux.HandleFunc("POST /v1.7/oauth/token", l.signed(false, l.exchange))
	l.mux.HandleFunc("POST /v1.7/oauth/token/reference", l.signed(false, l.tokenReference))
	l.mux.HandleFunc("POST /v1.7/reference", l.signed(false, func(w http.ResponseWriter, _ *http.Request, c wire.RequestClaims) error {
		if c.AccessToken != "" {
			return wire.Validation("a reference is nobody's")
		}
		writeJSON(w, wire.ReferenceAnswer{ID: "reference-1"})
		return nil
	}))
	for _, page := range []string{"authorize", "onboard", "reauthorize", "user-reauth"} {
		l.mux.HandleFunc("GET /apps/saas/"+page, l.page)
	}
	l.mux.HandleFunc("POST /v1.7/permission-access/import", l.signed(true, l.push))
	l.mux.HandleFunc("POST /v1.7/permission-access/import/h:accountId/fhir/{version}", l.signed(true, l.pushToProvider))
	l.mux.HandleFunc("GET /v1.7/permission-access/deliveries", l.signed(true, l.deliveryList))
	l.mux.HandleFunc("GET /v1.7/permission-access/deliveries/{delivery}", l.signed(true, l.delivery))
	l.mux.HandleFunc("POST /v1.7/permission-access/trigger", l.signed(true, l.trigger))
	l.mux.HandleFunc("GET /v1.7/permission-access/query/{session}", l.signed(true, l.fileList))
	l.mux.HandleFunc("GET /v1.7/permission-access/query/{session}/{file}", l.signed(true, l.file))
	l.mux.HandleFunc("GET /v1.7/permission-access/accounts", l.signed(true, func(w http.ResponseWriter, _ *http.Request, _ wire.RequestClaims) error {
		writeJSON(w, []wire.Account{
			{ID: "11_x", Reference: "reference", Type: wire.AccountTypeUser, ServiceTypeName: "Clinic", CreatedDate: 1795499803480},
			{ID: "13_y", Reference: "reference-gp", Type: wire.AccountTypePush, ServiceTypeName: "Huisarts", CreatedDate: 1795499803480},
		})
		return nil
	}))
	l.mux.HandleFunc("GET /v1.7/permission-access/contract", l.signed(false, func(w http.ResponseWriter, _ *http.Request, c wire.RequestClaims) error {
		contract, _ := l.contract(c.ClientID)
		writeJSON(w, wire.ContractDetails{ID: wire.ContractID(contract.ID), AccessType: "w", Type: "json", ExpirationDate: 1811051803000})
		return nil
	}))
	l.mux.HandleFunc("GET /v1.7/permission-access/revoke/h:accountId", l.signed(true, func(w http.ResponseWriter, r *http.Request, _ wire.RequestClaims) error {
		writeJSON(w, map[string]string{"location": l.URL + "/apps/saas/revoke?account=" + r.Header.Get("accountId")})
		return nil
	}))
	l.mux.HandleFunc("DELETE /v1.7/permission-access/service/h:accountId", l.signed(true, nothing))
	l.mux.HandleFunc("DELETE /v1.7/user", l.signed(true, nothing))
}

func nothing(w http.ResponseWriter, _ *http.Request, _ wire.RequestClaims) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// sign answers with a token that the library has signed.
func (l *fakeLibrary) sign(w http.ResponseWriter, claims any, session *wire.Session) error {
	token, err := wire.Sign(l.key, wire.Header{KeySetURL: l.URL + "/v1.7/jwks/oauth", KeyID: "key-1"}, claims)
	if err != nil {
		return err
	}
	writeJSON(w, wire.SignedAnswer{Token: token, Session: session})
	return nil
}

func newSession() *wire.Session {
	return &wire.Session{Key: wire.RandomAlphanumeric(32), Expiry: wire.MillisOf(time.Now().Add(time.Hour))}
}

func (l *fakeLibrary) authorize(w http.ResponseWriter, _ *http.Request, c wire.RequestClaims) error {
	if redirect, _, _ := strings.Cut(c.RedirectURI, "?"); redirect != l.Callback {
		return wire.InvalidRedirectURI(c.RedirectURI)
	}
	if c.CodeChallengeMethod != wire.ChallengeS256 || c.ResponseMode != "query" || c.ResponseType != "code" || c.State == "" {
		return wire.Validation("authorize")
	}
	contract, _ := l.contract(c.ClientID)
	code := wire.RandomAlphanumeric(43)
	l.codes[code] = fakeGrant{contract.ID, c.CodeChallenge, c.RedirectURI, c.State}
	return l.sign(w, wire.PreauthorizationClaims{PreauthorizationCode: code}, newSession())
}

func (l *fakeLibrary) tokenReference(w http.ResponseWriter, _ *http.Request, c wire.RequestClaims) error {
	grant, ok := l.access[c.AccessToken]
	if !ok {
		return wire.InvalidToken(wire.KindAccessToken)
	}
	if l.expired[c.AccessToken] && c.CodeChallenge == "" {
		return wire.ExpiredToken(wire.KindAccessToken)
	}
	code := wire.RandomAlphanumeric(43)
	l.codes[code] = fakeGrant{grant.contract, c.CodeChallenge, c.RedirectURI, c.State}
	return l.sign(w, wire.ReferenceClaims{ReferenceCode: code, TokenType: "Bearer", ExpiresOn: wire.SecondsOf(time.Now().Add(time.Hour))}, newSession())
}

// page is the person who agrees at once.
func (l *fakeLibrary) page(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	grant, ok := l.codes[r.URL.Query().Get("code")]
	if !ok {
		http.Error(w, "This link is not good any longer", http.StatusBadRequest)
		return
	}
	delete(l.codes, r.URL.Query().Get("code"))
	callback, err := url.Parse(grant.redirect)
	if err != nil {
		panic(err)
	}
	query := callback.Query()
	query.Set("success", "true")
	query.Set("state", grant.state)
	if grant.challenge != "" {
		code := wire.RandomAlphanumeric(43)
		l.codes[code] = grant
		query.Set("code", code)
		query.Set("accountReference", "reference")
		if r.URL.Query().Get("sourceType") == "push" {
			query.Set("accountReference", "reference-gp")
		}
	}
	callback.RawQuery = query.Encode()
	http.Redirect(w, r, callback.String(), http.StatusFound)
}

func (l *fakeLibrary) exchange(w http.ResponseWriter, r *http.Request, c wire.RequestClaims) error {
	if n, _ := io.Copy(io.Discard, r.Body); n != 0 {
		return wire.Validation("the body is not empty")
	}
	contract, _ := l.contract(c.ClientID)
	switch c.GrantType {
	case wire.GrantAuthorizationCode:
		grant, ok := l.codes[c.Code]
		if !ok || grant.contract != contract.ID {
			return wire.InvalidToken(wire.KindAuthorizationCode)
		}
		if wire.Challenge(c.CodeVerifier) != grant.challenge {
			return wire.InvalidToken(wire.KindCodeVerifier)
		}
		delete(l.codes, c.Code)
		return l.sign(w, l.grant(grant, wire.RandomAlphanumeric(43)), nil)
	case wire.GrantRefreshToken:
		grant, ok := l.refresh[c.RefreshToken]
		if !ok || grant.contract != contract.ID {
			return wire.InvalidToken(wire.KindRefreshToken)
		}
		return l.sign(w, l.grant(grant, c.RefreshToken), nil)
	}
	return wire.Validation("grant_type")
}

func (l *fakeLibrary) grant(g fakeGrant, refresh string) wire.TokenClaims {
	access, now := wire.RandomAlphanumeric(43), time.Now()
	l.access[access], l.refresh[refresh] = g, g
	return wire.TokenClaims{
		AccessToken:  wire.TokenValue{Value: access, ExpiresOn: wire.SecondsOf(now.Add(24 * time.Hour))},
		RefreshToken: wire.TokenValue{Value: refresh, ExpiresOn: wire.SecondsOf(now.Add(180 * 24 * time.Hour))},
		Subject:      "person-1", ConsentID: "consent-1", Identifier: wire.Identifier{ID: "person-1"}, TokenType: "Bearer",
	}
}

func (l *fakeLibrary) push(w http.ResponseWriter, r *http.Request, c wire.RequestClaims) error {
	contract, _ := l.contract(c.ClientID)
	if contract.ID != l.Write.ID {
		return wire.InsufficientScope()
	}
	token, err := wire.ParseRequestToken(r.Header.Get("FileDescriptor"))
	if err != nil {
		return wire.Validation("FileDescriptor")
	}
	if err := token.Verify(&contract.key.PublicKey); err != nil {
		return wire.Validation("FileDescriptor")
	}
	var claims wire.DescriptorClaims
	if err := token.Peek(&claims); err != nil {
		return wire.Validation("FileDescriptor")
	}
	descriptor, err := wire.ParseDescriptor(claims.Metadata)
	if err != nil {
		return err
	}
	l.mu.Unlock()
	content, err := io.ReadAll(r.Body)
	l.mu.Lock()
	if err != nil {
		return err
	}
	file := fakeFile{name: wire.FileName(fmt.Sprintf("0_0_0_file%d", len(l.files)+1)), metadata: descriptor.ReadBack(), content: content}
	file.metadata.ApplicationID, file.metadata.ContractID = wire.ApplicationID(l.ApplicationID), wire.ContractID(contract.ID)
	file.metadata.Created = 1795499803480
	l.files = append(l.files, file)
	w.WriteHeader(http.StatusCreated)
	return nil
}

func (l *fakeLibrary) pushToProvider(w http.ResponseWriter, r *http.Request, _ wire.RequestClaims) error {
	if v := r.PathValue("version"); v != "stu3" && v != "3.0.2" || r.Header.Get("accountId") != "13_y" {
		return wire.NotFound("Account")
	}
	var resource map[string]any
	if err := json.NewDecoder(r.Body).Decode(&resource); err != nil {
		return wire.Validation("resource")
	}
	w.Header().Set(wire.HeaderDelivery, "delivery1")
	if l.provider != nil {
		l.provider(w, r)
		return nil
	}
	w.WriteHeader(http.StatusCreated)
	writeJSON(w, map[string]any{"resourceType": resource["resourceType"], "id": "1"})
	return nil
}

func (l *fakeLibrary) deliveryList(w http.ResponseWriter, _ *http.Request, _ wire.RequestClaims) error {
	list := wire.DeliveryList{Data: []wire.Delivery{}}
	for _, answers := range l.deliveries {
		d := answers[0]
		d.Answer = nil
		list.Data = append(list.Data, d)
	}
	writeJSON(w, list)
	return nil
}

func (l *fakeLibrary) delivery(w http.ResponseWriter, r *http.Request, _ wire.RequestClaims) error {
	answers := l.deliveries[r.PathValue("delivery")]
	if len(answers) == 0 {
		return wire.NotFound("Delivery")
	}
	writeJSON(w, answers[0])
	if len(answers) > 1 {
		l.deliveries[r.PathValue("delivery")] = answers[1:]
	}
	return nil
}

func (l *fakeLibrary) trigger(w http.ResponseWriter, r *http.Request, c wire.RequestClaims) error {
	if contract, _ := l.contract(c.ClientID); contract.ID != l.Read.ID {
		return wire.InsufficientScope()
	}
	var body wire.TriggerRequest
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Agent == nil {
		return wire.Validation("trigger")
	}
	writeJSON(w, wire.TriggerAnswer{Session: *newSession()})
	return nil
}

func (l *fakeLibrary) fileList(w http.ResponseWriter, _ *http.Request, _ wire.RequestClaims) error {
	if len(l.lists) > 0 {
		writeJSON(w, l.lists[0])
		if len(l.lists) > 1 {
			l.lists = l.lists[1:]
		}
		return nil
	}
	list := wire.FileList{Status: wire.FileListStatus{State: wire.StateCompleted}}
	for _, f := range l.files {
		list.Files = append(list.Files, wire.FileEntry{Name: f.name, UpdatedDate: 1795499803480})
	}
	writeJSON(w, list)
	return nil
}

func (l *fakeLibrary) file(w http.ResponseWriter, r *http.Request, _ wire.RequestClaims) error {
	for _, f := range l.files {
		if string(f.name) != r.PathValue("file") {
			continue
		}
		header, err := wire.FileMetadata{Raw: &f.metadata, Compression: f.compression}.EncodeHeader()
		if err != nil {
			return err
		}
		w.Header().Set("X-Metadata", header)
		w.Header().Set("Last-Modified", "Tue, 24 Nov 2026 05:56:43 GMT")
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", fmt.Sprint(wire.EnvelopeSize(int64(len(f.content)))))
		if r.Method == http.MethodHead {
			return nil
		}
		l.mu.Unlock()
		_, err = wire.SealEnvelope(w, &l.Read.key.PublicKey, bytes.NewReader(f.content))
		l.mu.Lock()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
	return wire.NotFound("file")
}

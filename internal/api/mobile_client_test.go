package api_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/openapi/openapitest"
)

// mobile is a client that writes requests byte by byte as a mobile SDK does.
type mobile struct {
	*world
	t testing.TB
	// headers are those of every request, in their order and spelling. Those of a call come first.
	headers []string
	// redirect is the redirect URI of every token.
	redirect string
	// fraction is added to each timestamp, which is in milliseconds.
	fraction float64

	access, refresh string
}

// hexDigits returns so many random hexadecimal digits.
func hexDigits(n int) string {
	b := make([]byte, n/2)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// signs returns a bearer token.
func (m *mobile) signs(c *carreltest.Contract, more claims) string {
	all := claims{"nonce": hexDigits(32), "timestamp": float64(m.Clock.Now().UnixMilli()) + m.fraction}
	if m.redirect != "" {
		all["redirect_uri"] = m.redirect
	}
	for k, v := range more {
		all[k] = v
	}
	return m.bearer(c, all)
}

// calls makes a call on a connection of its own. The path is the whole of it; a nil body means none.
func (m *mobile) calls(method, path, bearer string, body []byte, headers ...string) answer {
	m.t.Helper()
	l := m.dial(m.t)
	head := method + " " + path + " HTTP/1.1\r\n"
	if bearer != "" {
		head += "Authorization: Bearer " + bearer + "\r\n"
	}
	for _, h := range append(headers, m.headers...) {
		head += h + "\r\n"
	}
	if body != nil || method == http.MethodPost {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	head += "Host: " + m.address + "\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip\r\n\r\n"
	if err := l.say("%s", head); err != nil {
		m.t.Fatal(err)
	}
	if _, err := l.Write(body); err != nil {
		m.t.Fatal(err)
	}
	a := l.hear(method)
	address := carreltest.Must(url.Parse(path))(m.t)
	m.client.compare(openapitest.Answer{Method: method, Path: address.EscapedPath(), Status: a.StatusCode,
		Header: a.Header, Body: a.body})
	return a
}

// decodes makes a call that has to succeed, and decodes its answer.
func (m *mobile) decodes(into any, method, path, bearer string, body []byte, headers ...string) answer {
	m.t.Helper()
	a := m.calls(method, path, bearer, body, headers...)
	if a.StatusCode < 200 || a.StatusCode > 299 {
		m.t.Fatalf("%s %s: %d %s", method, path, a.StatusCode, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			m.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
		}
	}
	return a
}

// payload decodes the claims of a token without verifying it, as Android does.
func (m *mobile) payload(token string, into any) {
	m.t.Helper()
	if err := carreltest.Must(wire.ParseToken(token))(m.t).Peek(into); err != nil {
		m.t.Fatal(err)
	}
}

// authorizes has a visitor allow a contract, and exchanges the code. It returns the callback.
func (m *mobile) authorizes(
	c *carreltest.Contract, v *carreltest.Visitor, base, body, redirect, parameters string, verify func(token string),
) (url.Values, wire.Session) {
	m.t.Helper()
	verifier := hexDigits(128)
	said := claims{"code_challenge": wire.Challenge(verifier), "code_challenge_method": "S256",
		"response_mode": "query", "response_type": "code", "state": hexDigits(64), "redirect_uri": redirect}
	if m.access != "" {
		said["access_token"] = m.access
	}
	var answer struct {
		Token   string
		Session *wire.Session
	}
	m.decodes(&answer, "POST", base+"oauth/authorize", m.signs(c, said), []byte(body))
	if answer.Session == nil || answer.Session.Key == "" || answer.Session.Expiry == 0 {
		m.t.Fatalf("authorize answers with the session %+v", answer.Session)
	}
	verify(answer.Token)
	var code struct {
		Code string `json:"preauthorization_code"`
	}
	m.payload(answer.Token, &code)
	query := v.Opens(m.URL+"/apps/saas/authorize?code="+code.Code+parameters, redirect)
	if query.Get("success") != "true" || query.Get("code") == "" || query.Get("state") != said["state"] {
		m.t.Fatalf("callback %v", query)
	}
	m.takesTokens(c, base, claims{"grant_type": "authorization_code", "code": query.Get("code"),
		"code_verifier": verifier, "redirect_uri": redirect}, verify)
	return query, *answer.Session
}

// takesTokens calls oauth/token, without a body.
func (m *mobile) takesTokens(c *carreltest.Contract, base string, said claims, verify func(token string)) {
	m.t.Helper()
	var answer struct{ Token string }
	m.decodes(&answer, "POST", base+"oauth/token", m.signs(c, said), nil)
	verify(answer.Token)
	var tokens struct {
		Access     *wire.TokenValue `json:"access_token"`
		Refresh    *wire.TokenValue `json:"refresh_token"`
		Identifier *struct{ ID string }
		ConsentID  string
		TokenType  string `json:"token_type"`
		Sub        string
	}
	m.payload(answer.Token, &tokens)
	if tokens.Access == nil || tokens.Refresh == nil || tokens.Identifier == nil || tokens.Identifier.ID == "" ||
		tokens.ConsentID == "" || tokens.TokenType == "" || tokens.Sub == "" {
		m.t.Fatalf("tokens %s", answer.Token)
	}
	for _, v := range []*wire.TokenValue{tokens.Access, tokens.Refresh} {
		if v.ExpiresOn <= 0 || v.ExpiresOn >= 1<<31 {
			m.t.Errorf("a token expires on %d", v.ExpiresOn)
		}
	}
	m.access, m.refresh = tokens.Access.Value, tokens.Refresh.Value
	m.Secrets.Plant(m.access, m.refresh)
}

// TestIOS does the main job as the iOS SDK 5.1 does: v1.7, signed, with fractions of milliseconds in timestamps, JSON
// as the type of every body, and redirects to schemes of its own.
func TestIOS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	application := w.Application(func(a *library.Application) { a.ID = "phoneApp" })
	redirect := "digime-ca-phoneApp://auth"
	registered := func(k *library.Contract) {
		k.RedirectURIs = []string{redirect, "digime-ca-phoneApp://service", "digime-ca-phoneApp://revoke"}
	}
	write := application.ContractWithKey(0, library.Write, registered)
	read := application.ContractWithKey(1, library.Read, registered)
	m := &mobile{world: w, t: t, fraction: 0.456,
		headers: []string{"Content-Type: application/json", "Accept: application/json",
			"User-Agent: DigiMe/1 CFNetwork/1410.0.3 Darwin/22.6.0"}}
	// It takes the key with the token's kid from the key set of its base path, and reads PKCS#1.
	verify := func(token string) {
		t.Helper()
		var set struct {
			Keys []struct{ Kid, Kty, N, E, PEM string }
		}
		m.decodes(&set, "GET", "/v1.7/jwks/oauth", "", nil)
		parsed := carreltest.Must(wire.ParseToken(token))(t)
		for _, k := range set.Keys {
			if k.Kid != parsed.Header.KeyID {
				continue
			}
			if !strings.HasPrefix(k.PEM, "-----BEGIN RSA PUBLIC KEY-----") || k.Kty == "" || k.N == "" || k.E == "" {
				t.Errorf("key %+v", k)
			}
			if err := parsed.Verify(carreltest.Must(wire.ParsePublicKey([]byte(k.PEM)))(t)); err != nil {
				t.Error(err)
			}
			return
		}
		t.Errorf("no key %s among %+v", parsed.Header.KeyID, set)
	}
	const body = `{"agent":{"name":"ios","version":"5.1.0"},"actions":{"pull":{"accept":{"compression":"gzip"}}}}`
	anna := w.Visitor()
	m.authorizes(write, anna, "/v1.7/", body, redirect, "&sourceType=push&lng=en_GB", verify)
	descriptor := w.descriptor(write, map[string]any{"mimeType": "text/plain", "reference": []string{"a letter"},
		"accounts": []any{map[string]any{"accountId": "1"}}, "contractId": read.Client.Contract.ID, "appId": "phoneApp",
		"providerName": "the phone", "objectTypes": []any{map[string]any{"name": "receipt"}},
		"serviceGroups": []int{1}})
	m.decodes(nil, "POST", "/v1.7/permission-access/import", m.signs(write, claims{"access_token": m.access}),
		[]byte("dear Anna"), "FileDescriptor: "+descriptor)

	m.authorizes(read, anna, "/v1.7/", body, redirect, "", verify)
	forPerson := func() string { return m.signs(read, claims{"access_token": m.access}) }
	var opened struct{ Session wire.Session }
	m.decodes(&opened, "POST", "/v1.7/permission-access/trigger", forPerson(),
		[]byte(`{"agent":{"name":"ios","version":"5.1.0"},"accept":{"compression":"gzip"}}`))
	query := "/v1.7/permission-access/query/" + opened.Session.Key
	var list wire.FileList
	m.decodes(&list, "GET", query, forPerson(), nil)
	if list.Status.State != wire.StateCompleted || len(list.Files) != 1 {
		t.Fatalf("list %+v", list)
	}
	file := m.decodes(nil, "GET", query+"/"+string(list.Files[0].Name), forPerson(), nil)
	if text := carreltest.Must(io.ReadAll(wire.OpenEnvelope(read.Key, bytes.NewReader(file.body))))(t); string(text) !=
		"dear Anna" {
		t.Errorf("read %q", text)
	}
	var accounts []struct {
		ID, Reference, Type string
		CreatedDate         float64
	}
	m.decodes(&accounts, "GET", "/v1.7/permission-access/accounts", forPerson(), nil)
	if len(accounts) != 1 || accounts[0].ID == "" {
		t.Errorf("accounts %+v", accounts)
	}
	m.takesTokens(read, "/v1.7/", claims{"grant_type": "refresh_token", "refresh_token": m.refresh}, verify)
	var reference struct{ Token string }
	m.decodes(&reference, "POST", "/v1.7/oauth/token/reference",
		m.signs(read, claims{"access_token": m.access, "redirect_uri": "digime-ca-phoneApp://service"}), nil)
	var said struct {
		Code      string  `json:"reference_code"`
		TokenType string  `json:"token_type"`
		ExpiresOn float64 `json:"expires_on"`
	}
	m.payload(reference.Token, &said)
	if said.Code == "" || said.TokenType == "" || said.ExpiresOn == 0 {
		t.Errorf("reference token %+v", said)
	}

	m.decodes(nil, "GET", "/v1.7/permission-access/contract/"+string(read.Client.Contract.ID)+
		"/phoneApp?schemaVersion=5.0.0", "", nil)
	m.decodes(nil, "GET", "/v1.7/discovery/services?includeSampleDataOnlySources=true", "", nil,
		"contractId: "+string(read.Client.Contract.ID))
	m.decodes(nil, "POST", "/v1.7/discovery/sourceTypes", m.signs(read, nil),
		[]byte(`{"query":{"include":["id","name","reference"],"filter":{"id":[1]}}}`))
	m.decodes(nil, "POST", "/v1.7/tracking/sdk", m.signs(read, nil),
		[]byte(`{"agent":{"sdk":{"name":"ios","version":"5.1.0"}},"events":[]}`))
	m.keepsFiles(read, anna)
}

// keepsFiles uses the file storage: with a list whose path ends in two slashes, which must not be redirected.
func (m *mobile) keepsFiles(c *carreltest.Contract, v *carreltest.Visitor) {
	m.t.Helper()
	var made struct{ ID, KID string }
	m.decodes(&made, "POST", "/v1.7/storage", m.signs(c, nil), nil)
	var handle struct{ ID string }
	m.decodes(&handle, "POST", "/v1.7/reference", m.signs(c, nil),
		[]byte(`{"type":"cloudId","value":"`+made.ID+`"}`))
	const body = `{"agent":{"name":"ios","version":"5.1.0"},"actions":{"pull":{}}}`
	m.authorizes(c, v, "/v1.7/", body, c.Client.Contract.RedirectURIs[0], "&storageRef="+handle.ID, func(string) {})
	base := "/cloud/v1/clouds/" + made.ID + "/files/apps/" + string(c.Application.ID)
	var uploaded struct{ ID string }
	m.decodes(&uploaded, "POST", base+"/A%20folder/Letter.txt", c.SignsCloud(), make([]byte, 288),
		"contentType: multipart/form-data")
	if uploaded.ID == "" {
		m.t.Error("an upload has no id")
	}
	for _, path := range []string{"/", "//", "/A%20folder/", "/A%20folder//", "//a%20FOLDER//"} {
		var list struct {
			Files []struct{ ID, Name, OriginalName, OriginalPath, Path string }
			Total *int
		}
		m.decodes(&list, "GET", base+path+"?recursive=true", c.SignsCloud(), nil)
		if list.Total == nil || len(list.Files) != 1 || list.Files[0].OriginalName != "Letter.txt" {
			m.t.Errorf("%s lists %+v", path, list)
		}
	}
	m.decodes(nil, "DELETE", base+"/A%20folder", c.SignsCloud(), nil)
}

// TestAndroid does the main job as the Android SDK 4.0.15 does: below v1.6, with unsigned reading, hashed files, a
// postbox, and headers that come twice.
func TestAndroid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy)
	const redirect = "digime-ca://callback"
	registered := func(k *library.Contract) { k.RedirectURIs = []string{redirect} }
	application := w.Application(func(a *library.Application) { a.ID = "androidApp" })
	write := application.ContractWithKey(0, library.Write, registered)
	read := application.ContractWithKey(1, library.Read, registered)
	m := &mobile{world: w, t: t, redirect: redirect, headers: []string{"Content-Type: application/json",
		"Content-Type: application/json", "Accept: application/json", "Accept: application/json",
		"Cache-Control: no-cache", "User-Agent: okhttp/4.9.3"}}
	const body = `{"actions":{"pull":{}},"agent":{"sdk":{"name":"android","version":"4.0.15"}}}`
	const page = "&callback=digime-ca%3A%2F%2Fcallback"
	unverified := func(string) {}
	anna := w.Visitor()
	query, _ := m.authorizes(write, anna, "/v1.6/", body, redirect, page, unverified)
	if strings.Contains(query.Encode(), "publicKey=") && strings.Contains(query.Get("publicKey"), "+RSA+") {
		t.Error("the key has plus signs for spaces")
	}
	box := postboxOf(t, query)
	var session struct {
		Key    string `json:"sessionKey"`
		Expiry int64
	}
	m.decodes(&session, "POST", "/v1.6/permission-access/session", "", []byte(`{"appId":"androidApp","contractId":"`+
		string(write.Client.Contract.ID)+`","accept":{"compression":"gzip"},`+
		`"sdkAgent":{"name":"android","version":"4.0.15"}}`))
	if session.Key == "" || session.Expiry == 0 {
		t.Errorf("session %+v", session)
	}
	m.refuses(t, get("/v1.6/permission-access/query/"+session.Key, ""), notFound("Session"))
	e := box.encrypts(t, []byte("dear Anna"), letter)
	form, contentType := formOf(part{file: "file", content: e.content}, part{content: []byte("a description")})
	e.claims["access_token"] = m.access
	var answer struct {
		Status  string
		Expires int32
		Session struct {
			Key    string
			Expiry int64
		}
	}
	m.decodes(&answer, "POST", "/v1.6/permission-access/postbox/"+box.id, m.signs(write, e.claims), form,
		"sessionKey: "+session.Key, "symmetricalKey: "+e.claims["symmetrical_key"].(string),
		"iv: "+e.claims["iv"].(string),
		"metadata: "+e.claims["metadata"].(string), "Content-Type: "+contentType)
	if answer.Status != "delivered" || answer.Expires <= 0 || answer.Session.Key == "" || answer.Session.Expiry == 0 {
		t.Errorf("answer %+v", answer)
	}

	_, promised := m.authorizes(read, anna, "/v1.6/", body, redirect, page, unverified)
	forPerson := func() string { return m.signs(read, claims{"access_token": m.access}) }
	m.readsUnsigned(read, promised.Key)
	var opened struct{ Session wire.Session }
	m.decodes(&opened, "POST", "/v1.6/permission-access/trigger?schemaVersion=5.0.0&prefetch=false",
		forPerson(), []byte(`{}`))
	m.readsUnsigned(read, opened.Session.Key)
	m.takesTokens(read, "/v1.6/", claims{"grant_type": "refresh_token", "refresh_token": m.refresh}, unverified)
	m.decodes(nil, "POST", "/v1.6/oauth/token/reference", forPerson(), nil)
	var services struct {
		Data struct{ Services []struct{ ID int } }
	}
	m.decodes(&services, "GET", "/v1.5/discovery/services", "", nil, "contractId: "+string(read.Client.Contract.ID))
	// An error has its code in the headers, which is all that this SDK reads.
	a := m.calls("GET", "/v1.6/permission-access/query/nosuchsession", "", nil)
	if a.Header.Get("X-Error-Code") != "NotFound" || a.Header.Get("X-Error-Message") == "" {
		t.Errorf("an error has the headers %v", a.Header)
	}
	if a := m.calls("DELETE", "/v1.6/user", forPerson(), nil); a.StatusCode != 204 {
		t.Errorf("delete user: %d %s", a.StatusCode, a.body)
	}
}

// readsUnsigned asks for a list as often as this SDK does, and reads a file and the accounts.
func (m *mobile) readsUnsigned(c *carreltest.Contract, session string) {
	m.t.Helper()
	query := "/v1.6/permission-access/query/" + session
	var list wire.FileList
	for range 20 { // it asks every 0.3 s, and is never told to wait
		m.decodes(&list, "GET", query, "", nil)
	}
	if list.Status.State != wire.StateCompleted || len(list.Files) != 1 {
		m.t.Fatalf("list %+v", list)
	}
	file := m.readsHashed(c, query+"/"+string(list.Files[0].Name))
	if string(file) != "dear Anna" {
		m.t.Errorf("read %q", file)
	}
	var accounts struct {
		Accounts []struct {
			ID, Name string
			Service  struct{ Name, Logo string }
		}
		ConsentID string
	}
	err := json.Unmarshal(m.readsHashed(c, query+"/accounts.json"), &accounts)
	if err != nil || len(accounts.Accounts) != 1 || accounts.ConsentID == "" {
		m.t.Errorf("accounts %+v, %v", accounts, err)
	}
}

// readsHashed reads a file of at least 352 bytes that begins with the hash of the rest.
func (m *mobile) readsHashed(c *carreltest.Contract, path string) []byte {
	m.t.Helper()
	a := m.decodes(nil, "GET", path, "", nil, "Accept: application/octet-stream")
	text := carreltest.Must(io.ReadAll(wire.OpenEnvelope(c.Key, bytes.NewReader(a.body))))(m.t)
	if len(a.body) < 352 || len(text) < sha512.Size {
		m.t.Fatalf("%s has %d bytes", path, len(a.body))
	}
	sum := sha512.Sum512(text[sha512.Size:])
	if !bytes.Equal(sum[:], text[:sha512.Size]) {
		m.t.Errorf("%s begins with a wrong hash", path)
	}
	return text[sha512.Size:]
}

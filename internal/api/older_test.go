package api_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// legacy serves clients of earlier generations.
func legacy(c *server.Config) { c.Legacy = true }

// Older clients fetch the key set below the base path that they call. Every base has the same keys.
func TestKeySetUnderOlderBases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	newest := w.mustSend(t, get("/v1.7/jwks/oauth", ""), nil)
	for _, base := range []string{"/v1.4/", "/v1.5/", "/v1.6/"} {
		t.Run(base, func(t *testing.T) {
			var set wire.KeySet
			older := w.mustSend(t, get(base+"jwks/oauth", ""), &set)
			if len(set.Keys) == 0 || string(older.body) != string(newest.body) {
				t.Errorf("keys %s, want those of %s", older.body, newest.body)
			}
			w.refuses(t, get(base+"permission-access/contract", w.bearer(w.read, nil)), notFound("Call"))
		})
	}
	w.refuses(t, get("/v1.3/jwks/oauth", ""), notFound("Call"))
	w.refuses(t, get("/v1.8/jwks/oauth", ""), notFound("Call"))
}

// The iOS SDK reports its events, which the server accepts from a known client and discards.
func TestTracking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	events := `{"agent":{"sdk":{"name":"ios","version":"5.1.0"}},"events":[{"event":"sync"}]}`
	if a := w.mustSend(t, post("tracking/sdk", w.bearer(w.read, nil), events), nil); string(a.body) != "{}" {
		t.Errorf("answer %q, want {}", a.body)
	}
	w.refuses(t, post("tracking/sdk", "", events), badBearer("bearer token"))
	w.refuses(t, post("tracking/sdk", w.bearer(w.read, nil), "{"),
		bad("the body is not the JSON that this call takes: …"))
	w.refuses(t, post("tracking/sdk", w.bearer(w.read, nil), strings.Repeat(" ", 1<<20)+"{}"),
		refusal{413, wire.CodePayloadTooLarge, "The body is too long"})
}

// The list of services has each source once that can be connected, below each base path, without a signature.
func TestServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	type entry struct {
		ID            int
		Name          string
		Status        string `json:"publishedStatus"`
		ServiceGroups []struct{ ID int }
	}
	var all, some struct {
		Data struct {
			Countries     []wire.Country
			ServiceGroups []struct {
				ID   int
				Name string
			}
			Services []entry
		}
	}
	const withSamples = "discovery/services?includeSampleDataOnlySources=true"
	newest := w.mustSend(t, get(withSamples, ""), &all)
	w.mustSend(t, get("discovery/services", ""), &some)
	if len(all.Data.Countries) == 0 || len(all.Data.ServiceGroups) == 0 {
		t.Errorf("lists %+v", all.Data)
	}
	if len(some.Data.Services) >= len(all.Data.Services) || len(all.Data.Services) == 0 {
		t.Errorf("%d services without those of sample data, %d with them",
			len(some.Data.Services), len(all.Data.Services))
	}
	if i := slices.IndexFunc(some.Data.Services, func(e entry) bool { return e.Status != "approved" }); i >= 0 {
		t.Errorf("%+v is listed unasked", some.Data.Services[i])
	}
	for _, e := range all.Data.Services {
		if e.ID == 0 || e.Name == "" || len(e.ServiceGroups) != 1 {
			t.Errorf("service %+v", e)
		}
	}
	for _, base := range []string{"/v1.4/", "/v1.5/", "/v1.6/", "/v1.7/"} {
		older := get(base+withSamples, "")
		older.header = http.Header{"contractId": {"readC"}}
		if a := w.mustSend(t, older, nil); string(a.body) != string(newest.body) {
			t.Errorf("%s: %s", base, a.body)
		}
	}
	for _, query := range []string{"=", "=yes", "=true&includeSampleDataOnlySources=false"} {
		w.refuses(t, get("discovery/services?includeSampleDataOnlySources"+query, ""),
			bad("includeSampleDataOnlySources must be true or false"))
	}
	w.refuses(t, get("/v1.3/discovery/services", ""), notFound("Call"))
}

// Anybody gets the certificate of a contract, which the server has signed and which says what the contract asks for.
func TestContractCertificate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var details wire.ContractDetails
	of := func(contract, application string) request {
		return get("permission-access/contract/"+contract+"/"+application+"?schemaVersion=5.0.0", "")
	}
	first := w.mustSend(t, of("readC", "clinic"), &details)
	if details.Type != "x509" || details.ID != "readC" || details.AccessType != "r" ||
		details.Application.ID != "clinic" || details.CertificateContractSchemaVersion != "5.0.0" {
		t.Errorf("contract %s", first.body)
	}
	certificate := carreltest.Must(x509.ParseCertificate(
		carreltest.Must(base64.StdEncoding.DecodeString(details.Certificate))(t)))(t)
	if !w.read.Key.PublicKey.Equal(certificate.PublicKey) {
		t.Error("the certificate has another key than the contract")
	}
	if until := certificate.NotAfter.UnixMilli(); until != int64(details.ExpirationDate)/1000*1000 {
		t.Errorf("the certificate ends at %d, the contract at %d", until, details.ExpirationDate)
	}
	var keys wire.KeySet
	w.mustSend(t, get("jwks/oauth", ""), &keys)
	signer := carreltest.Must(wire.ParsePublicKey([]byte(keys.Keys[0].PEM)))(t)
	err := (&x509.Certificate{PublicKey: signer, PublicKeyAlgorithm: x509.RSA}).CheckSignature(
		certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature)
	if err != nil {
		t.Errorf("the server has not signed it: %v", err)
	}
	var text string
	var holds struct {
		SchemaVersion string
		Name          string
		DataRequest   *struct{ Purpose string }
		DataPush      *struct{ Purpose string }
	}
	for _, e := range certificate.Extensions {
		if e.Id.String() == "1.2.826.0.1.6861219.1" {
			carreltest.Must(asn1.UnmarshalWithParams(e.Value, &text, "utf8"))(t)
		}
	}
	if err := json.Unmarshal([]byte(text), &holds); err != nil {
		t.Fatalf("the extension has %q: %v", text, err)
	}
	if holds.Name != "The clinic" || holds.DataRequest == nil || holds.DataRequest.Purpose != "To be tested." ||
		holds.DataPush != nil {
		t.Errorf("the extension has %s", text)
	}
	if again := w.mustSend(t, of("readC", "clinic"), nil); string(again.body) != string(first.body) {
		t.Error("the certificate is signed for each request")
	}
	w.mustSend(t, get("permission-access/contract/writeC/clinic", ""), nil)
	for _, r := range []request{
		of("readC", "monitor"), of("nosuch", "clinic"), of("readC", "no_such"), of("%20", "x"),
	} {
		w.refuses(t, r, notFound("Contract"))
	}
	w.refuses(t, get("permission-access/contract/readC/clinic?schemaVersion=4.0.0", ""),
		bad("schemaVersion must be 5.0.0"))
	if err := w.Clients.DisableContract(t.Context(), "readC"); err != nil {
		t.Fatal(err)
	}
	w.Clock.Moves(2 * time.Second) // past the cache of clients
	w.refuses(t, of("readC", "clinic"), notFound("Contract"))
}

// Each session has a file with the accounts, which no list names.
func TestAccountsFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	session := w.session(t, reader)
	path := "permission-access/query/" + session + "/accounts.json"
	bearer := w.as(reader, nil)
	a := w.mustSend(t, get(path, bearer), nil)
	var accounts struct {
		Accounts []struct {
			ID, Name string
			Service  *struct{ Name, Logo string }
		}
		ConsentID string
	}
	text := carreltest.Must(io.ReadAll(wire.OpenEnvelope(reader.Key, bytes.NewReader(a.body))))(t)
	if err := json.Unmarshal(text, &accounts); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if accounts.ConsentID != string(reader.ID()) || len(accounts.Accounts) != 1 ||
		accounts.Accounts[0].ID != string(w.userAccount(t, reader)) || accounts.Accounts[0].Name == "" ||
		accounts.Accounts[0].Service == nil {
		t.Errorf("accounts %s", text)
	}
	if names := w.names(t, reader, session); len(names) > 0 {
		t.Errorf("the session lists %q", names)
	}
	w.mustSend(t, request{method: "HEAD", path: path, bearer: w.as(reader, nil)}, nil)
	nonce := wire.NewNonce()
	w.mustSend(t, get(path, w.as(reader, claims{"nonce": nonce})), nil)
	w.refuses(t, get(path, w.as(reader, claims{"nonce": nonce})), replayed(nonce))
	w.refuses(t, get(path, ""), badBearer("bearer token"))
	other := w.Person().Allows(w.read)
	w.refuses(t, get(path, w.as(other, nil)), notFound("Session"))
}

// olderCalls has a request of each call of clients of earlier generations, which is good but for the setting.
func olderCalls(w *world, writer, reader *carreltest.Grant, session string) map[string]request {
	form, contentType := formOf(part{file: "letter.txt", content: make([]byte, 32)})
	postbox := func(base string) request {
		return request{method: "POST", path: base + "permission-access/postbox/abc", bearer: w.as(writer, nil),
			header: http.Header{"Content-Type": {contentType}}, body: bytes.NewReader(form)}
	}
	const base = "/v1.6/"
	return map[string]request{
		"authorize":    post(base+"oauth/authorize", w.bearer(w.read, authorizing(nil)), ""),
		"token":        post(base+"oauth/token", w.bearer(w.read, refreshing(reader)), ""),
		"reference":    post(base+"oauth/token/reference", w.as(reader, claims{"redirect_uri": callback}), ""),
		"trigger":      post(base+"permission-access/trigger?prefetch=false", w.as(reader, nil), ""),
		"list":         get(base+"permission-access/query/"+session, ""),
		"accounts":     get(base+"permission-access/query/"+session+"/accounts.json", ""),
		"session":      post(base+"permission-access/session", "", `{"appId":"clinic","contractId":"writeC"}`),
		"postbox":      postbox(base),
		"postbox v1.7": postbox("/v1.7/"),
		"delete":       {method: "DELETE", path: base + "user", bearer: w.as(reader, nil)},
	}
}

// Without the setting the calls of earlier generations are refused, and change nothing.
func TestOlderCallsAreOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	for name, r := range olderCalls(w, writer, reader, w.session(t, reader)) {
		t.Run(name, func(t *testing.T) {
			w.refuses(t, r, refusal{403, wire.CodeSDKVersionInvalid, "This SDK version is no longer supported."})
		})
	}
	query := w.Visitor().Opens(w.authorizePage(t, w.write, "/v1.7/", `{"sdk":{"name":"nodejs","version":"8.0.0"}}`),
		callback)
	if query.Has("postboxId") || query.Has("publicKey") || w.Rows("postboxes") > 0 {
		t.Errorf("without the setting the callback is %v", query)
	}
}

// authorizePage asks for consent below a base path, and returns the address of the page.
func (w *world) authorizePage(t testing.TB, c *carreltest.Contract, base, agent string) string {
	t.Helper()
	var answer wire.SignedAnswer
	w.mustSend(t, post(base+"oauth/authorize", w.bearer(c, authorizing(nil)), `{"agent":`+agent+`}`), &answer)
	var code wire.PreauthorizationClaims
	if err := carreltest.Must(wire.ParseToken(answer.Token))(t).Peek(&code); err != nil {
		t.Fatal(err)
	}
	return w.URL + "/apps/saas/authorize?code=" + code.PreauthorizationCode
}

// olderSession starts a session as a client of an earlier generation, and returns its key.
func (w *world) olderSession(t testing.TB, g *carreltest.Grant) string {
	t.Helper()
	var opened wire.TriggerAnswer
	w.mustSend(t, post("/v1.6/permission-access/trigger", w.as(g, nil), ""), &opened)
	w.Secrets.Plant(opened.Session.Key)
	return opened.Session.Key
}

// A session that a client of an earlier generation has started is read without a signature, and no other, and only
// while what allows it stands.
func TestAttackUnsignedSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	if _, err := writer.Pushes("a letter", []byte("dear Anna")); err != nil {
		t.Fatal(err)
	}
	query := func(session string) request { return get("/v1.6/permission-access/query/"+session, "") }
	trigger := func(g *carreltest.Grant) string { return w.olderSession(t, g) }
	gone := notFound("Session")
	w.refuses(t, query(w.session(t, reader)), gone)
	w.refuses(t, query(reader.Session.Key), gone)
	w.refuses(t, query("nosuchsession"), gone)
	w.refuses(t, query(strings.Repeat("x", 200)), gone)

	session := trigger(reader)
	var list wire.FileList
	w.mustSend(t, query(session), &list)
	if len(list.Files) != 1 {
		t.Fatalf("the session lists %+v", list)
	}
	file := get("/v1.6/permission-access/query/"+session+"/"+string(list.Files[0].Name), "")
	w.mustSend(t, file, nil)
	w.refuses(t, get("/v1.6/permission-access/query/"+session+"/nosuchfile", ""), notFound("File"))
	// With a signature it is a session as any other.
	if names := w.names(t, reader, session); len(names) != 1 {
		t.Errorf("with a signature it lists %q", names)
	}
	other := w.Person().Allows(w.read)
	w.refuses(t, get("permission-access/query/"+session, w.as(other, nil)), gone)

	late := trigger(reader)
	w.Clock.Moves(30 * time.Minute)
	w.refuses(t, query(late), gone)
	for name, end := range map[string]func(p *carreltest.Person, g *carreltest.Grant){
		"stopped": func(p *carreltest.Person, g *carreltest.Grant) { p.Stops(g) },
		"shut":    func(p *carreltest.Person, _ *carreltest.Grant) { p.Shuts() },
		"another key": func(_ *carreltest.Person, g *carreltest.Grant) {
			was := g.Client.Contract
			next := carreltest.Must(was.WithKey(
				string(wire.MarshalPublicKey(&carreltest.Key(3).PublicKey)), w.Clock.Now()))(t)
			if err := w.OpensStore().UpdateContract(t.Context(), was, next); err != nil {
				t.Fatal(err)
			}
			w.Clock.Moves(2 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			person := w.Person()
			contract := w.Application().ContractWithKey(1, library.Read, func(k *library.Contract) {
				k.Scope = library.Scope{Raw: true}
			})
			g := person.Allows(contract)
			session := trigger(g)
			w.mustSend(t, query(session), nil)
			end(person, g)
			w.refuses(t, query(session), gone)
		})
	}
}

// TestUnreadRefusal: the 401 of a push of the Node SDK 9 and 10 has no body, with the setting: with a body those do not
// refresh their token. Every other client gets one.
func TestUnreadRefusal(t *testing.T) {
	t.Parallel()
	older, newer := newWorld(t, legacy), newWorld(t)
	for _, tt := range []struct {
		name    string
		w       *world
		headers []string
		want    bool
	}{
		{"Node 9", older, []string{"contentType: application/octet-stream"}, false},
		{"Node 17", older, []string{"Content-Type: application/octet-stream"}, true},
		{"without the setting", newer, []string{"contentType: application/octet-stream"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gone := tt.w.write.GrantOfToken("nosuchtoken")
			l := tt.w.dial(t)
			if err := l.say("%sx", tt.w.head(gone, append(tt.headers, "Content-Length: 1")...)); err != nil {
				t.Fatal(err)
			}
			a := l.hear("POST")
			if a.StatusCode != 401 || a.Header.Get("X-Error-Code") != "InvalidToken" || (len(a.body) > 0) != tt.want {
				t.Errorf("%d %v %q", a.StatusCode, a.Header, a.body)
			}
		})
	}
}

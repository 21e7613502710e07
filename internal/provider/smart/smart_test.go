package smart

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/testenv"
)

const (
	plantedCode    = "planted-code"
	plantedToken   = "planted-token"
	plantedRefresh = "planted-refresh"
	plantedSecret  = "planted secret/+"
	verifier       = "planted-verifier-planted-verifier-planted-verifier"
	run            = "7d5f9f57-3a6c-4a51-9d4c-2f6d1d0a7a11"
)

// world is one server, with the network that knows it.
type world struct {
	t      *testing.T
	server Server
	mux    *http.ServeMux
	now    time.Time
	log    strings.Builder
}

func newWorld(t *testing.T) *world {
	ca := providertest.NewCA(t, "a public authority")
	w := &world{t: t, mux: http.NewServeMux(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	base := providertest.Serve(t, &tls.Config{Certificates: []tls.Certificate{ca.Pair(t, providertest.Leaf{Hosts: []string{"localhost"}})}}, w.mux)
	w.server = Server{
		ID: "demo-fhir", Source: 900500, Name: "Demo", City: "Utrecht", Base: base + "/fhir", Version: fhir.STU3,
		Authorize: base + "/authorize?realm=x", Token: base + "/token", ClientID: "carrel id", Scopes: []string{"openid", "user/*.write"}, Roots: ca.PEM,
	}
	return w
}

func (w *world) network() *Network {
	w.t.Helper()
	n, err := New(Config{
		Servers: []Server{w.server}, Now: func() time.Time { return w.now }, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func departure() delivery.AuthorizationParams {
	return delivery.AuthorizationParams{
		Provider: "smart:demo-fhir", State: seal.SecretOf("planted-state"), Verifier: seal.SecretOf(verifier),
		RedirectURI: "https://carrel.example/return", Correlation: run,
	}
}

func TestDepart(t *testing.T) {
	address, err := newWorld(t).network().AuthorizationURL(t.Context(), departure())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(verifier))
	want := url.Values{
		"realm": {"x"}, "response_type": {"code"}, "client_id": {"carrel id"}, "redirect_uri": {"https://carrel.example/return"},
		"scope": {"openid user/*.write"}, "state": {"planted-state"}, "aud": {strings.TrimSuffix(u.Scheme+"://"+u.Host, "/") + "/fhir"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if u.Path != "/authorize" || u.Query().Encode() != want.Encode() {
		t.Errorf("%s with %s, want %s", u.Path, u.Query().Encode(), want.Encode())
	}
	if strings.Contains(address, verifier) {
		t.Error("the verifier travels with the browser")
	}
}

func TestUnknownServer(t *testing.T) {
	n := newWorld(t).network()
	d := departure()
	d.Provider = "smart:nobody"
	_, err1 := n.AuthorizationURL(t.Context(), d)
	_, err2 := n.Exchange(t.Context(), d, seal.SecretOf(plantedCode))
	_, err3 := n.RefreshTokens(t.Context(), d.Provider, seal.SecretOf(plantedRefresh), run)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, delivery.ErrProviderGone) {
			t.Error(err)
		}
	}
	if o := n.Send(t.Context(), d.Provider, delivery.SendRequest{}); o.Kind != delivery.OutcomeNotFiled {
		t.Errorf("%+v", o)
	}
}

func TestToken(t *testing.T) {
	for _, secret := range []string{"", plantedSecret} {
		w := newWorld(t)
		if secret != "" {
			w.server.Secret = seal.SecretOf(secret)
		}
		var form url.Values
		w.mux.HandleFunc("POST /token", func(rw http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("X-Correlation-ID"); got != run {
				t.Errorf("X-Correlation-ID is %q", got)
			}
			id, password, ok := r.BasicAuth()
			if ok != (secret != "") || ok && (id != url.QueryEscape("carrel id") || password != url.QueryEscape(secret)) {
				t.Errorf("basic authentication: %v, %q", ok, id)
			}
			body, _ := io.ReadAll(r.Body)
			form, _ = url.ParseQuery(string(body))
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(rw, `{"access_token":%q,"token_type":"bearer","expires_in":600,"refresh_token":%q}`, plantedToken, plantedRefresh)
		})
		n := w.network()
		a, err := n.Exchange(t.Context(), departure(), seal.SecretOf(plantedCode))
		if err != nil || a.Access.Reveal() != plantedToken || a.Refresh.Reveal() != plantedRefresh || !a.ExpiresAt.Equal(w.now.Add(10*time.Minute)) {
			t.Errorf("%q, %v, %v", a.Access.Reveal(), a.ExpiresAt, err)
		}
		want := url.Values{
			"grant_type": {"authorization_code"}, "code": {plantedCode}, "code_verifier": {verifier},
			"redirect_uri": {"https://carrel.example/return"},
		}
		renewal := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {plantedRefresh}}
		if secret == "" {
			want.Set("client_id", "carrel id")
			renewal.Set("client_id", "carrel id")
		}
		if form.Encode() != want.Encode() {
			t.Errorf("form %s, want %s", form.Encode(), want.Encode())
		}
		if _, err := n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh), run); err != nil || form.Encode() != renewal.Encode() {
			t.Errorf("form %s, want %s; %v", form.Encode(), renewal.Encode(), err)
		}
	}
}

func TestTokenAnswers(t *testing.T) {
	w := newWorld(t)
	w.server.Secret = seal.SecretOf(plantedSecret)
	var status int
	var kind, body string
	var calls atomic.Int32
	w.mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		rw.Header().Set("Content-Type", kind)
		rw.Header().Set("Location", "/elsewhere")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	})
	n := w.network()
	const asJSON = "application/json"
	for _, tt := range []struct {
		status     int
		kind, body string
		life       time.Duration
		code       error
		renew      error
	}{
		{200, asJSON, `{"access_token":"t","token_type":"Bearer","expires_in":60}`, time.Minute, nil, nil},
		{200, asJSON, `{"access_token":"t","token_type":"BEARER"}`, 15 * time.Minute, nil, nil},
		{200, asJSON, `{"access_token":"t","token_type":"mac","expires_in":60}`, 0, nil, nil},
		{200, asJSON, `{"access_token":"t","token_type":"Bearer","expires_in":-60}`, 0, nil, nil},
		{200, asJSON, `{"access_token":"a b","token_type":"Bearer"}`, 0, nil, nil},
		{200, asJSON, `{"token_type":"Bearer"}`, 0, nil, nil},
		{200, asJSON, `planted-code`, 0, nil, nil},
		{200, "text/html", `<html>planted-code`, 0, nil, nil},
		{200, asJSON, `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, 0, nil, nil},
		{200, asJSON, `{"error":"invalid_grant"}`, 0, delivery.ErrProviderRefused, delivery.ErrReconnect},
		{400, asJSON, `{"error":"invalid_grant","error_description":"planted-code"}`, 0, delivery.ErrProviderRefused, delivery.ErrReconnect},
		{400, asJSON, `{"error":"invalid_request","error_description":"planted-code"}`, 0, nil, nil},
		{400, asJSON, `{"error":"planted-code"}`, 0, nil, nil},
		{401, asJSON, `{"error":"invalid_client"}`, 0, nil, nil},
		{500, asJSON, `{"error":"invalid_grant"}`, 0, nil, nil},
		{500, "text/html", `planted-code`, 0, nil, nil},
		{302, asJSON, ``, 0, nil, nil},
		{307, asJSON, ``, 0, nil, nil},
	} {
		status, kind, body = tt.status, tt.kind, tt.body
		what := fmt.Sprintf("%d %.60s", tt.status, tt.body)
		calls.Store(0)
		a, err1 := n.Exchange(t.Context(), departure(), seal.SecretOf(plantedCode))
		b, err2 := n.RefreshTokens(t.Context(), "smart:demo-fhir", seal.SecretOf(plantedRefresh), run)
		if calls.Load() != 2 {
			t.Errorf("%s: %d calls", what, calls.Load())
		}
		if tt.life > 0 {
			if err1 != nil || err2 != nil || !a.ExpiresAt.Equal(w.now.Add(tt.life)) || !a.Refresh.IsZero() || b.Refresh.Reveal() != plantedRefresh {
				t.Errorf("%s: %v, %v, %v", what, err1, err2, a.ExpiresAt)
			}
			continue
		}
		for _, x := range []struct{ err, want error }{{err1, tt.code}, {err2, tt.renew}} {
			known := errors.Is(x.err, delivery.ErrProviderRefused) || errors.Is(x.err, delivery.ErrReconnect)
			if x.err == nil || known != (x.want != nil) || x.want != nil && !errors.Is(x.err, x.want) {
				t.Errorf("%s: %v, want %v", what, x.err, x.want)
			}
			if x.err != nil && (strings.Contains(x.err.Error(), "planted") || strings.Contains(x.err.Error(), "html")) {
				t.Errorf("%s: the error repeats what came: %v", what, x.err)
			}
		}
	}
}

func TestTokenTimeout(t *testing.T) {
	w := newWorld(t)
	w.mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := w.network().Exchange(ctx, departure(), seal.SecretOf(plantedCode)); err == nil || strings.Contains(err.Error(), "planted") {
		t.Error(err)
	}
}

func TestDiscovery(t *testing.T) {
	w := newWorld(t)
	authorize, token := w.server.Authorize, w.server.Token
	w.server.Authorize, w.server.Token = "", ""
	var asked atomic.Int32
	answer := ""
	w.mux.HandleFunc("GET /fhir/.well-known/smart-configuration", func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if answer == "" {
			rw.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(rw, answer)
	})
	n := w.network()
	for _, answer = range []string{
		"", "no JSON", "{}", `{"authorization_endpoint":"https://x.example/a"}`,
		`{"authorization_endpoint":"http://x.example/a","token_endpoint":"https://x.example/t"}`,
		`{"authorization_endpoint":"https://x.example/a","token_endpoint":"http://localhost/t"}`,
		`{"authorization_endpoint":"javascript:alert(1)","token_endpoint":"https://x.example/t"}`,
		`{"x":"` + strings.Repeat("x", maxDiscovery) + `"}`,
	} {
		if address, err := n.AuthorizationURL(t.Context(), departure()); err == nil || errors.Is(err, delivery.ErrProviderGone) {
			t.Errorf("%.40s: %s, %v", answer, address, err)
		}
	}
	before := asked.Load()
	answer = fmt.Sprintf(`{"authorization_endpoint":%q,"token_endpoint":%q,"capabilities":["x"]}`, authorize, token)
	for range 3 {
		if address, err := n.AuthorizationURL(t.Context(), departure()); err != nil || !strings.HasPrefix(address, authorize) {
			t.Errorf("%s, %v", address, err)
		}
	}
	if got := asked.Load() - before; got != 1 {
		t.Errorf("asked %d times", got)
	}
	w.now = w.now.Add(2 * time.Hour)
	if _, err := n.AuthorizationURL(t.Context(), departure()); err != nil || asked.Load()-before != 2 {
		t.Errorf("%v, asked %d times", err, asked.Load()-before)
	}
}

func TestSend(t *testing.T) {
	w := newWorld(t)
	w.mux.HandleFunc("POST /fhir/Observation", func(rw http.ResponseWriter, r *http.Request) {
		for name, want := range map[string]string{
			"Authorization": "Bearer " + plantedToken, "Content-Type": "application/fhir+json", "Accept": "application/fhir+json",
			"Prefer": "return=representation", "X-Correlation-ID": run, "MedMij-Request-ID": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		rw.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(rw, `{"resourceType":"OperationOutcome"}`)
	})
	w.mux.HandleFunc("POST /fhir", func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(rw, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201 Created"}}]}`)
	})
	n := w.network()
	s := delivery.SendRequest{Token: seal.SecretOf(plantedToken), Correlation: run, Resource: delivery.Resource{
		Version: fhir.STU3, Path: "Observation", Body: []byte(`{"resourceType":"Observation"}`),
	}}
	if o := n.Send(t.Context(), "smart:demo-fhir", s); o.Kind != delivery.OutcomeRefused || o.Status != 422 || len(o.Answer) == 0 {
		t.Errorf("%+v", o)
	}
	if log := w.log.String(); !strings.Contains(log, "demo-fhir") || strings.Contains(log, "planted") {
		t.Errorf("log %q", log)
	}
	s.Resource.Path, s.Resource.Body = "", []byte(`{"resourceType":"Bundle","entry":[{}]}`)
	if o := n.Send(t.Context(), "smart:demo-fhir", s); o.Kind != delivery.OutcomeDelivered {
		t.Errorf("%+v", o)
	}
	s.Resource.Version = fhir.R4
	if o := n.Send(t.Context(), "smart:demo-fhir", s); o.Kind != delivery.OutcomeRefused || o.Status != 0 {
		t.Errorf("%+v", o)
	}
}

// TestDocs loads the file that docs/providers.md shows.
func TestDocs(t *testing.T) {
	_, text, _ := strings.Cut(providertest.Page(t, testenv.Root(t)), "```json\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("docs/providers.md shows no file")
	}
	folder := t.TempDir()
	for name, content := range map[string]string{
		"servers.json": text, "demo-fhir.secret": plantedSecret, "demo-fhir.pem": string(providertest.NewCA(t, "x").PEM),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	servers, err := Load(filepath.Join(folder, "servers.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Servers: servers}); err != nil || len(servers) != 2 {
		t.Errorf("%d servers, %v", len(servers), err)
	}
}

const good = `[{"id":"demo-fhir","source":900500,"name":"Demo FHIR","city":"Utrecht","base":"https://fhir.example/stu3","version":"stu3",
 "authorize":"https://login.example/authorize","token":"https://login.example/token","clientId":"carrel",
 "clientSecretFile":"secret","scopes":["openid","user/*.write"],"roots":"ca.pem"},
 {"id":"other","source":900501,"name":"Other","base":"https://fhir.example/r4","version":"r4","clientId":"carrel","scopes":["user/*.write"]}]`

func TestLoad(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("secret", plantedSecret+"\n")
	write("empty", "\n")
	write("ca.pem", string(providertest.NewCA(t, "x").PEM))
	load := func(text string, loopback bool) (*Network, error) {
		write("servers.json", text)
		servers, err := Load(filepath.Join(folder, "servers.json"))
		if err != nil {
			return nil, err
		}
		return New(Config{Servers: servers, AllowLoopback: loopback})
	}
	n, err := load(good, false)
	if err != nil {
		t.Fatal(err)
	}
	list := n.Servers()
	if len(list) != 2 || list[0].Key() != "smart:demo-fhir" || list[0].Secret.Reveal() != plantedSecret || list[0].Version != fhir.STU3 ||
		len(list[0].Roots) == 0 || list[1].Version != fhir.R4 || !list[1].Secret.IsZero() {
		t.Errorf("%+v", list)
	}
	if text := fmt.Sprintf("%+v", list); strings.Contains(text, plantedSecret) {
		t.Error("the secret shows")
	}
	for _, tt := range []struct{ from, to, want string }{
		{good, "", "load"},
		{good, "{}", "load"},
		{good, good + "x", "after the list"},
		{`"city"`, `"town"`, "town"},
		{`"stu3",`, `"dstu2",`, "dstu2"},
		{`"id":"demo-fhir"`, `"id":"Demo FHIR"`, "id: not"},
		{`"id":"demo-fhir"`, `"id":"other"`, "a second one"},
		{`900500`, `900501`, "source 900501"},
		{`900500`, `0`, "source: not"},
		{`900500`, `"x"`, "source"},
		{`"Demo FHIR"`, `" "`, "name"},
		{`"https://fhir.example/stu3"`, `"http://fhir.example/stu3"`, "base: not an https"},
		{`"https://fhir.example/stu3"`, `"http://localhost/stu3"`, "base: not an https"},
		{`"https://fhir.example/stu3"`, `"https://fhir.example/stu3?x"`, "base: an address with a query"},
		{`"https://fhir.example/stu3"`, `"https://a:b@fhir.example"`, "base: an address with a user"},
		{`"https://fhir.example/stu3"`, `"fhir"`, "base: not an address"},
		{`"authorize":"https://login.example/authorize",`, ``, "give both"},
		{`login.example/token`, `login.example/token#x`, "token: an address with"},
		{`"clientId":"carrel",
 "clientS`, `"clientS`, "clientId: missing"},
		{`["openid","user/*.write"]`, `[]`, "scopes: missing"},
		{`["openid","user/*.write"]`, `["openid user/*.write"]`, "is not one scope"},
		{`"secret"`, `"nothing"`, "clientSecretFile"},
		{`"secret"`, `"empty"`, "the file is empty"},
		{`"ca.pem"`, `"secret"`, "roots: no certificate"},
		{`"ca.pem"`, `"nothing"`, "roots"},
	} {
		if !strings.Contains(good, tt.from) {
			t.Fatalf("the file has no %s", tt.from)
		}
		_, err := load(strings.Replace(good, tt.from, tt.to, 1), false)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), plantedSecret) {
			t.Errorf("%s: %v, want an error with %q", tt.to, err, tt.want)
		}
	}
	local := strings.Replace(good, `"https://fhir.example/stu3"`, `"http://localhost:8080/stu3"`, 1)
	if _, err := load(local, true); err != nil {
		t.Error(err)
	}
}

func FuzzDiscovery(f *testing.F) {
	f.Add([]byte(`{"authorization_endpoint":"https://x.example/a","token_endpoint":"https://x.example/t"}`), false)
	f.Add([]byte(`{"authorization_endpoint":"http://localhost/a?b","token_endpoint":"http://[::1]:80/t"}`), true)
	f.Fuzz(func(t *testing.T, body []byte, loopback bool) {
		e, err := readDiscovery(body, loopback)
		if err != nil {
			return
		}
		for _, s := range []string{e.authorize, e.token} {
			if !strings.HasPrefix(strings.ToLower(s), "https://") && !(loopback && strings.HasPrefix(strings.ToLower(s), "http://")) {
				t.Errorf("endpoint %q", s)
			}
		}
	})
}

// TestReasons: the page for operators has those why nothing is sent.
func TestReasons(t *testing.T) {
	providertest.Documented(t, providertest.Page(t, testenv.Root(t)), notConfigured, otherVersion)
}

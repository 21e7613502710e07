package medmij

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

const client = "medmij.example.nl"

// offered is one service of a provider, in a list.
type offered struct {
	name, id, authorize, token string
	roles                      []string // code and address in turn
	version                    string   // release 3 only
}

func (o offered) xml() string {
	var roles strings.Builder
	for i := 0; i < len(o.roles); i += 2 {
		fmt.Fprintf(&roles, "<Systeemrol><Systeemrolcode>%s</Systeemrolcode><ResourceEndpoint><ResourceEndpointuri>%s</ResourceEndpointuri></ResourceEndpoint></Systeemrol>", o.roles[i], o.roles[i+1])
	}
	return fmt.Sprintf("<Gegevensdienst><GegevensdienstId>%s</GegevensdienstId>"+
		"<AuthorizationEndpoint><AuthorizationEndpointuri>%s</AuthorizationEndpointuri></AuthorizationEndpoint>"+
		"<TokenEndpoint><TokenEndpointuri>%s</TokenEndpointuri></TokenEndpoint>"+
		"<Systeemrollen>%s</Systeemrollen></Gegevensdienst>", o.id, o.authorize, o.token, roles.String())
}

func headXML(root, ns string, number int) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<!--File version: 5-->
<%s xmlns="xmlns://afsprakenstelsel.medmij.nl/%s/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y">
<Tijdstempel>2026-02-01T10:00:00Z</Tijdstempel><Volgnummer>%d</Volgnummer>`, root, ns, number)
}

func zal2XML(number int, services ...offered) string {
	var s strings.Builder
	s.WriteString(headXML("Zorgaanbiederslijst", "zorgaanbiederslijst/release2", number) + "\n<Zorgaanbieders>")
	for _, o := range services {
		fmt.Fprintf(&s, "<Zorgaanbieder><Zorgaanbiedernaam>%s@medmij</Zorgaanbiedernaam><Gegevensdiensten>%s</Gegevensdiensten></Zorgaanbieder>\n", o.name, o.xml())
	}
	return s.String() + "</Zorgaanbieders></Zorgaanbiederslijst>\n"
}

// zal3XML is of one provider with several versions of its interface.
func zal3XML(number int, services ...offered) string {
	var s strings.Builder
	s.WriteString(headXML("Zorgaanbiederslijst", "zorgaanbiederslijst/release3", number) + "\n<Zorgaanbieders>")
	fmt.Fprintf(&s, "<Zorgaanbieder><Zorgaanbiedernaam>%s@medmij</Zorgaanbiedernaam><Aanbiedertype>ZA</Aanbiedertype><Interfaceversies>", services[0].name)
	for _, o := range services {
		fmt.Fprintf(&s, "<Interfaceversie><InterfaceversieId>%s</InterfaceversieId><Gegevensdiensten>%s</Gegevensdiensten></Interfaceversie>\n", o.version,
			strings.Replace(o.xml(), "<Systeemrollen>", "<Abonneren><MaximaleDuur>365</MaximaleDuur><SubscriptionEndpointuri>https://sub.example/s</SubscriptionEndpointuri></Abonneren><Systeemrollen>", 1))
	}
	return s.String() + "</Interfaceversies></Zorgaanbieder></Zorgaanbieders></Zorgaanbiederslijst>"
}

func oclXML(number int, hosts ...string) string {
	s := headXML("OAuthclientlist", "oauthclientlist/release2", number) + "<OAuthclients>"
	for _, h := range hosts {
		s += "<OAuthclient><Hostname>" + h + "</Hostname><OAuthclientOrganisatienaam>De Enige Echte</OAuthclientOrganisatienaam></OAuthclient>"
	}
	return s + "</OAuthclients></OAuthclientlist>"
}

func whlXML(number int, hosts ...string) string {
	s := headXML("Whitelist", "whitelist/release2", number) + "<MedMijNodes>"
	for i, h := range hosts {
		if i%2 == 0 {
			s += "<MedMijNode>" + h + "</MedMijNode>"
		} else {
			s += "<MedMijNode><Hostname>" + h + "</Hostname></MedMijNode>"
		}
	}
	return s + "</MedMijNodes></Whitelist>"
}

func gnlXML(number int, pairs ...string) string {
	s := headXML("Gegevensdienstnamenlijst", "gegevensdienstnamenlijst/release1", number) + "<Gegevensdiensten>"
	for i := 0; i < len(pairs); i += 2 {
		s += "<Gegevensdienst><GegevensdienstId>" + pairs[i] + "</GegevensdienstId><Weergavenaam>" + pairs[i+1] + "</Weergavenaam></Gegevensdienst>"
	}
	return s + "</Gegevensdiensten></Gegevensdienstnamenlijst>"
}

// stelsel is MedMij's own server, with the lists that a test puts there.
type stelsel struct {
	mu      sync.Mutex
	lists   map[string]string
	answers map[string]int // a status instead of the list
	asked   map[string]int // how often a list went out whole
	same    int            // how often one did not, by its tag
}

func (s *stelsel) put(lists ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lists {
		for _, name := range listNames {
			if strings.Contains(l, "</"+string(name)+">") {
				s.lists[string(name)] = l
			}
		}
	}
}

func (s *stelsel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/MedMij_"), ".xml")
	if status := s.answers[name]; status != 0 {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		return
	}
	text, ok := s.lists[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	tag := strconv.Quote(fmt.Sprint(len(text)))
	if r.Header.Get("If-None-Match") == tag {
		s.same++
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.asked[name]++
	w.Header().Set("ETag", tag)
	_, _ = w.Write([]byte(text))
}

// world is a network of our own with MedMij's server and one provider's, whose
// handlers a test sets.
type world struct {
	t       testing.TB
	ca      *providertest.CA
	stelsel *stelsel
	config  Config
	url     string // of the provider's server
	log     *buffer
	chain   *buffer

	mu    sync.Mutex
	token http.HandlerFunc
	fhir  http.HandlerFunc
}

// buffer is a log that a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

const linde = "huisartslinde"

// newWorld has good lists with one provider that takes services 53 and 57.
func newWorld(t testing.TB) *world {
	t.Helper()
	ca := providertest.NewCA(t, "Private Root of the test")
	w := &world{
		t: t, ca: ca, log: new(buffer), chain: new(buffer),
		stelsel: &stelsel{lists: map[string]string{}, answers: map[string]int{}, asked: map[string]int{}},
	}
	local := ca.Pair(t, providertest.Leaf{Hosts: []string{"localhost"}})
	lists := providertest.Serve(t, &tls.Config{Certificates: []tls.Certificate{local}}, w.stelsel)
	w.url = providertest.Serve(t, &tls.Config{
		Certificates: []tls.Certificate{local}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
	}, http.HandlerFunc(w.serve))
	w.stelsel.put(
		zal2XML(10, w.offer("53")), oclXML(10, "other.example.nl", client),
		whlXML(10, "other.example.nl", "localhost"), gnlXML(10, "53", "Meetwaarden vitale functies", "57", "Documenten"))
	w.config = Config{
		Lists: lists + "/MedMij_%s.xml", ClientID: client, Roots: ca.PEM, AllowLoopback: true,
		Log:      slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		ChainLog: slog.New(slog.NewJSONHandler(w.chain, nil)),
	}
	w.config.Certificate, w.config.Key = ca.Issue(t, providertest.Leaf{Hosts: []string{client}})
	return w
}

func (w *world) offer(id string) offered {
	return offered{
		name: linde, id: id, authorize: "https://login.example.nl/authorize", token: w.url + "/token",
		roles: []string{"ROLE-1", w.url + "/fhir"},
	}
}

func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	token, fhir := w.token, w.fhir
	w.mu.Unlock()
	switch {
	case r.URL.Path == "/token" && token != nil:
		token(rw, r)
	case strings.HasPrefix(r.URL.Path, "/fhir") && fhir != nil:
		fhir(rw, r)
	default:
		w.t.Errorf("unexpected %s %s", r.Method, r.URL)
	}
}

// on sets what the provider's server does.
func (w *world) on(token, fhir http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.token, w.fhir = token, fhir
}

// open opens the network, without lists.
func (w *world) open() *Network {
	w.t.Helper()
	n, err := New(w.config)
	if err != nil {
		w.t.Fatalf("open: %v", err)
	}
	return n
}

// fresh opens the network, with lists.
func (w *world) fresh() *Network {
	w.t.Helper()
	n := w.open()
	if err := n.Refresh(w.t.Context()); err != nil {
		w.t.Fatalf("refresh: %v", err)
	}
	return n
}

const key53 = delivery.ProviderKey("medmij:huisartslinde~53")

// The planted values: none may ever show.
const (
	plantedState   = "planted-state"
	plantedCode    = "planted-code"
	plantedToken   = "planted-token"
	plantedRefresh = "planted-refresh"
	plantedContent = "planted-content"
	run            = "7d5f9f57-3a6c-4a51-9d4c-2f6d1d0a7a11"
)

func departure() delivery.AuthorizationParams {
	return delivery.AuthorizationParams{
		Provider: key53, State: seal.SecretOf(plantedState), Verifier: seal.SecretOf("planted-verifier"),
		RedirectURI: "https://medmij.example.nl/return", Correlation: run,
	}
}

func sending() delivery.SendRequest {
	return delivery.SendRequest{
		Resource: delivery.Resource{
			Version: fhir.STU3, Types: []string{"Bundle"},
			Body: []byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"x":"planted-content"}}]}`),
		},
		Token: seal.SecretOf(plantedToken), Correlation: run,
	}
}

package medmij

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// testService is a data service of a provider, as a list has it.
type testService struct {
	name, id, authorization, token string
	roles                          []string // code and address in turn
	version                        string   // release 3 only
}

func (o testService) xml() string {
	var roles strings.Builder
	for i := 0; i < len(o.roles); i += 2 {
		fmt.Fprintf(&roles, "<Systeemrol><Systeemrolcode>%s</Systeemrolcode><ResourceEndpoint><ResourceEndpointuri>%s</ResourceEndpointuri></ResourceEndpoint></Systeemrol>", o.roles[i], o.roles[i+1])
	}
	return fmt.Sprintf("<Gegevensdienst><GegevensdienstId>%s</GegevensdienstId>"+
		"<AuthorizationEndpoint><AuthorizationEndpointuri>%s</AuthorizationEndpointuri></AuthorizationEndpoint>"+
		"<TokenEndpoint><TokenEndpointuri>%s</TokenEndpointuri></TokenEndpoint>"+
		"<Systeemrollen>%s</Systeemrollen></Gegevensdienst>", o.id, o.authorization, o.token, roles.String())
}

func headXML(root, ns string, number int) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<!--File version: 5-->
<%s xmlns="xmlns://afsprakenstelsel.medmij.nl/%s/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y">
<Tijdstempel>2026-02-01T10:00:00Z</Tijdstempel><Volgnummer>%d</Volgnummer>`, root, ns, number)
}

func zal2XML(number int, services ...testService) string {
	var s strings.Builder
	s.WriteString(headXML("Zorgaanbiederslijst", "zorgaanbiederslijst/release2", number) + "\n<Zorgaanbieders>")
	for _, o := range services {
		fmt.Fprintf(&s, "<Zorgaanbieder><Zorgaanbiedernaam>%s@medmij</Zorgaanbiedernaam><Gegevensdiensten>%s</Gegevensdiensten></Zorgaanbieder>\n", o.name, o.xml())
	}
	return s.String() + "</Zorgaanbieders></Zorgaanbiederslijst>\n"
}

// zal3XML is a release 3 list with one provider that has several interface versions.
func zal3XML(number int, services ...testService) string {
	var s strings.Builder
	s.WriteString(headXML("Zorgaanbiederslijst", "zorgaanbiederslijst/release3", number) + "\n<Zorgaanbieders>")
	fmt.Fprintf(&s, "<Zorgaanbieder><Zorgaanbiedernaam>%s@medmij</Zorgaanbiedernaam><Aanbiedertype>ZA</Aanbiedertype><Interfaceversies>", services[0].name)
	for _, o := range services {
		fmt.Fprintf(&s, "<Interfaceversie><InterfaceversieId>%s</InterfaceversieId><Gegevensdiensten>%s</Gegevensdiensten></Interfaceversie>\n", o.version,
			strings.Replace(o.xml(), "<Systeemrollen>",
				"<Abonneren><MaximaleDuur>365</MaximaleDuur><SubscriptionEndpointuri>https://sub.example/s</SubscriptionEndpointuri></Abonneren><Systeemrollen>", 1))
	}
	return s.String() + "</Interfaceversies></Zorgaanbieder></Zorgaanbieders></Zorgaanbiederslijst>"
}

func oclXML(number int, hosts ...string) string {
	s := headXML("OAuthclientlist", "oauthclientlist/release2", number) + "<OAuthclients>"
	for _, h := range hosts {
		s += "<OAuthclient><Hostname>" + h +
			"</Hostname><OAuthclientOrganisatienaam>De Enige Echte</OAuthclientOrganisatienaam></OAuthclient>"
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
		s += "<Gegevensdienst><GegevensdienstId>" + pairs[i] + "</GegevensdienstId><Weergavenaam>" + pairs[i+1] +
			"</Weergavenaam></Gegevensdienst>"
	}
	return s + "</Gegevensdiensten></Gegevensdienstnamenlijst>"
}

// listServer is MedMij's own server, with the lists that a test puts there.
type listServer struct {
	mu        sync.Mutex
	lists     map[string]string
	statuses  map[string]int // by list: the status of the response instead of the list
	served    map[string]int // by list: how often it was sent
	unchanged int            // how often the response was 304
}

// publish replaces lists, each by its root element.
func (s *listServer) publish(lists ...string) {
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

func (s *listServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/MedMij_"), ".xml")
	if status := s.statuses[name]; status != 0 {
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
		s.unchanged++
		w.WriteHeader(http.StatusNotModified)
		return
	}
	s.served[name]++
	w.Header().Set("ETag", tag)
	_, _ = w.Write([]byte(text))
}

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

// xmlElement returns an element with that content.
func xmlElement(name string, content ...string) string {
	return "<" + name + ">" + strings.Join(content, "") + "</" + name + ">"
}

// xmlEndpoint returns an element for an endpoint.
func xmlEndpoint(name, address string) string {
	return xmlElement(name, xmlElement(name+"uri", address))
}

// xml returns the element for the service. Elements of extra come before the system roles.
func (o testService) xml(extra ...string) string {
	var roles []string
	for i := 0; i < len(o.roles); i += 2 {
		roles = append(roles, xmlElement("Systeemrol",
			xmlElement("Systeemrolcode", o.roles[i]), xmlEndpoint("ResourceEndpoint", o.roles[i+1])))
	}
	return xmlElement("Gegevensdienst",
		xmlElement("GegevensdienstId", o.id),
		xmlEndpoint("AuthorizationEndpoint", o.authorization),
		xmlEndpoint("TokenEndpoint", o.token),
		strings.Join(extra, ""),
		xmlElement("Systeemrollen", roles...))
}

// headXML returns the start of a list.
func headXML(root, space string, number int) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<!--File version: 5-->
<%s xmlns="xmlns://afsprakenstelsel.medmij.nl/%s/" `+
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x y">
<Tijdstempel>2026-02-01T10:00:00Z</Tijdstempel><Volgnummer>%d</Volgnummer>`, root, space, number)
}

// zal2XML returns a release 2 list with a provider for each service.
func zal2XML(number int, services ...testService) string {
	var providers strings.Builder
	for _, o := range services {
		providers.WriteString(xmlElement("Zorgaanbieder",
			xmlElement("Zorgaanbiedernaam", o.name, "@medmij"), xmlElement("Gegevensdiensten", o.xml())) + "\n")
	}
	return headXML("Zorgaanbiederslijst", "zorgaanbiederslijst/release2", number) + "\n" +
		xmlElement("Zorgaanbieders", providers.String()) + "</Zorgaanbiederslijst>\n"
}

// zal3XML returns a release 3 list with one provider that has several interface versions.
func zal3XML(number int, services ...testService) string {
	subscription := xmlElement("Abonneren",
		xmlElement("MaximaleDuur", "365"), xmlElement("SubscriptionEndpointuri", "https://sub.example/s"))
	var versions strings.Builder
	for _, o := range services {
		versions.WriteString(xmlElement("Interfaceversie",
			xmlElement("InterfaceversieId", o.version), xmlElement("Gegevensdiensten", o.xml(subscription))) + "\n")
	}
	provider := xmlElement("Zorgaanbieder",
		xmlElement("Zorgaanbiedernaam", services[0].name, "@medmij"),
		xmlElement("Aanbiedertype", "ZA"),
		xmlElement("Interfaceversies", versions.String()))
	return headXML("Zorgaanbiederslijst", "zorgaanbiederslijst/release3", number) + "\n" +
		xmlElement("Zorgaanbieders", provider) + "</Zorgaanbiederslijst>"
}

func oclXML(number int, hosts ...string) string {
	var clients []string
	for _, host := range hosts {
		clients = append(clients, xmlElement("OAuthclient",
			xmlElement("Hostname", host), xmlElement("OAuthclientOrganisatienaam", "De Enige Echte")))
	}
	return headXML("OAuthclientlist", "oauthclientlist/release2", number) +
		xmlElement("OAuthclients", clients...) + "</OAuthclientlist>"
}

// whlXML returns a whitelist. Its nodes have both forms.
func whlXML(number int, hosts ...string) string {
	var nodes []string
	for i, host := range hosts {
		if i%2 == 1 {
			host = xmlElement("Hostname", host)
		}
		nodes = append(nodes, xmlElement("MedMijNode", host))
	}
	return headXML("Whitelist", "whitelist/release2", number) + xmlElement("MedMijNodes", nodes...) + "</Whitelist>"
}

// gnlXML returns a list of names. pairs are an id and a name each.
func gnlXML(number int, pairs ...string) string {
	var services []string
	for i := 0; i < len(pairs); i += 2 {
		services = append(services, xmlElement("Gegevensdienst",
			xmlElement("GegevensdienstId", pairs[i]), xmlElement("Weergavenaam", pairs[i+1])))
	}
	return headXML("Gegevensdienstnamenlijst", "gegevensdienstnamenlijst/release1", number) +
		xmlElement("Gegevensdiensten", services...) + "</Gegevensdienstnamenlijst>"
}

// listServer is the list server, with the lists that a test publishes.
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

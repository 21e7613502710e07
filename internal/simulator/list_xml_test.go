package simulator

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// zalDocument decodes a list of providers of either release.
type zalDocument struct {
	XMLName        xml.Name
	Tijdstempel    time.Time
	Volgnummer     uint64
	Zorgaanbieders struct {
		Zorgaanbieder []struct {
			Zorgaanbiedernaam string
			Aanbiedertype     string
			Gegevensdienst    []zalServiceXML `xml:"Gegevensdiensten>Gegevensdienst"`
			Newer             []zalServiceXML `xml:"Interfaceversies>Interfaceversie>Gegevensdiensten>Gegevensdienst"`
		}
	}
}

type zalServiceXML struct {
	ID                       string `xml:"GegevensdienstId"`
	AuthorizationEndpointuri string `xml:"AuthorizationEndpoint>AuthorizationEndpointuri"`
	TokenEndpointuri         string `xml:"TokenEndpoint>TokenEndpointuri"`
	Systeemrol               []struct {
		Systeemrolcode      string
		ResourceEndpointuri string `xml:"ResourceEndpoint>ResourceEndpointuri"`
	} `xml:"Systeemrollen>Systeemrol"`
}

var nameForm = regexp.MustCompile(`^[a-z]{3,50}@medmij$`)

func TestListOfProviders(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, release := range []int{2, 3} {
		n.s.Lists.SetRelease(release)
		got := n.get(listURL(n, ListProviders) + "?api=2")
		var list zalDocument
		decodeXML(t, got.body, &list)
		space := namespace + "zorgaanbiederslijst/release2/"
		if release == 3 {
			space = namespace + "zorgaanbiederslijst/release3/"
		}
		if list.XMLName.Space != space || list.Volgnummer != n.s.Lists.Number(ListProviders) ||
			!list.Tijdstempel.Equal(n.clock.now()) {
			t.Errorf("release %d: %v, number %d, at %v", release, list.XMLName, list.Volgnummer, list.Tijdstempel)
		}
		var sends []string
		for i, p := range list.Zorgaanbieders.Zorgaanbieder {
			if !nameForm.MatchString(p.Zorgaanbiedernaam) || p.Zorgaanbiedernaam != n.s.Providers()[i].FullName() {
				t.Errorf("a provider is called %q", p.Zorgaanbiedernaam)
			}
			services := p.Gegevensdienst
			if release == 3 {
				services = p.Newer
			}
			for j, sv := range services {
				want := n.s.Providers()[i].Services[j]
				if sv.ID != want.ID || sv.AuthorizationEndpointuri != want.AuthorizeURL ||
					sv.TokenEndpointuri != want.TokenURL ||
					len(sv.Systeemrol) != 1 || sv.Systeemrol[0].ResourceEndpointuri != want.ResourceURL ||
					sv.Systeemrol[0].Systeemrolcode != want.SystemRole {
					t.Errorf("release %d: %s offers %+v, want %+v", release, p.Zorgaanbiedernaam, sv, want)
				}
				if !strings.HasPrefix(sv.TokenEndpointuri, "https://localhost:") {
					t.Errorf("a token endpoint at %s", sv.TokenEndpointuri)
				}
				if want.Send {
					sends = append(sends, strings.TrimSuffix(p.Zorgaanbiedernaam, "medmij")+sv.ID)
				}
			}
		}
		if want := "huisartslinde@53 huisartslinde@57 " +
			"rivierenland@53 rivierenland@57 rivierenland@60 balanspunt@53"; strings.Join(sends, " ") != want {
			t.Errorf("release %d sends %q", release, sends)
		}
		if bytes.Contains(got.body, []byte("xmlns=\"\"")) || bytes.Count(got.body, []byte("xmlns=")) != 1 {
			t.Errorf("release %d has more namespaces than one: %s", release, got.body)
		}
	}
}

func TestOtherLists(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	var hosts struct {
		XMLName     xml.Name
		MedMijNodes struct {
			MedMijNode []struct {
				Hostname string
				Bare     string `xml:",chardata"`
			}
		}
	}
	decodeXML(t, n.get(listURL(n, ListWhitelist)).body, &hosts)
	if hosts.XMLName.Space != namespace+"whitelist/release2/" || len(hosts.MedMijNodes.MedMijNode) != 2 ||
		hosts.MedMijNodes.MedMijNode[0].Hostname != "localhost" {
		t.Errorf("whitelist %+v", hosts)
	}
	n.s.Lists.SetBareNodes(true)
	n.s.Lists.SetWhitelist("elsewhere.example")
	hosts.MedMijNodes.MedMijNode = nil
	decodeXML(t, n.get(listURL(n, ListWhitelist)).body, &hosts)
	if nodes := hosts.MedMijNodes.MedMijNode; len(nodes) != 1 ||
		strings.TrimSpace(nodes[0].Bare) != "elsewhere.example" || nodes[0].Hostname != "" {
		t.Errorf("whitelist %+v", hosts)
	}

	var clients struct {
		XMLName xml.Name
		Client  []struct{ Hostname, OAuthclientOrganisatienaam string } `xml:"OAuthclients>OAuthclient"`
	}
	decodeXML(t, n.get(listURL(n, ListClients)).body, &clients)
	if clients.XMLName.Space != namespace+"oauthclientlist/release2/" || len(clients.Client) != 1 ||
		clients.Client[0].Hostname != "carrel.example" {
		t.Errorf("clients %+v", clients)
	}
	n.s.Lists.SetClients()
	clients.Client = nil
	decodeXML(t, n.get(listURL(n, ListClients)).body, &clients)
	if len(clients.Client) != 0 {
		t.Errorf("clients %+v", clients)
	}

	var names struct {
		XMLName xml.Name
		Service []nameXML `xml:"Gegevensdiensten>Gegevensdienst"`
	}
	decodeXML(t, n.get(listURL(n, ListServiceNames)).body, &names)
	if names.XMLName.Space != namespace+"gegevensdienstnamenlijst/release1/" {
		t.Errorf("names %+v", names)
	}
	for _, p := range n.s.Providers() {
		for _, sv := range p.Services {
			if !slices.ContainsFunc(names.Service, func(x nameXML) bool {
				return x.GegevensdienstID == sv.ID && x.Weergavenaam == sv.Name && len(x.Weergavenaam) >= 3 &&
					len(x.Weergavenaam) <= 50
			}) {
				t.Errorf("service %s has no name", sv.ID)
			}
		}
	}
	if got := n.get(listURL(n, "Nietbestaand")); got.status != http.StatusNotFound {
		t.Errorf("an unknown list: %d", got.status)
	}
}

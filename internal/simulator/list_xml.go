package simulator

import (
	"bytes"
	"encoding/xml"
	"time"
)

const namespace = "xmlns://afsprakenstelsel.medmij.nl/"

// The lists as XML. Each element of the schemas that holds others is a type.
type (
	providersXML struct {
		XMLName        xml.Name
		Tijdstempel    string
		Volgnummer     uint64
		Zorgaanbieders struct{ Zorgaanbieder []providerXML }
	}
	providerXML struct {
		Zorgaanbiedernaam string
		Aanbiedertype     string         `xml:",omitempty"` // release 3
		Interfaceversies  *interfacesXML `xml:",omitempty"` // release 3
		Gegevensdiensten  *servicesXML   `xml:",omitempty"` // release 2
	}
	interfacesXML struct {
		Interfaceversie struct {
			InterfaceversieID string `xml:"InterfaceversieId"`
			Gegevensdiensten  servicesXML
		}
	}
	servicesXML struct{ Gegevensdienst []serviceXML }
	serviceXML  struct {
		GegevensdienstID      string `xml:"GegevensdienstId"`
		AuthorizationEndpoint struct{ AuthorizationEndpointuri string }
		TokenEndpoint         struct{ TokenEndpointuri string }
		Systeemrollen         struct{ Systeemrol []roleXML }
	}
	roleXML struct {
		Systeemrolcode   string
		ResourceEndpoint struct{ ResourceEndpointuri string }
	}
	clientsXML struct {
		XMLName      xml.Name
		Tijdstempel  string
		Volgnummer   uint64
		OAuthclients struct{ OAuthclient []clientXML }
	}
	clientXML struct {
		Hostname                   string
		OAuthclientOrganisatienaam string
	}
	whitelistXML struct {
		XMLName     xml.Name
		Tijdstempel string
		Volgnummer  uint64
		MedMijNodes struct{ MedMijNode []nodeXML }
	}
	nodeXML struct {
		Hostname string `xml:",omitempty"`
		Bare     string `xml:",chardata"`
	}
	namesXML struct {
		XMLName          xml.Name
		Tijdstempel      string
		Volgnummer       uint64
		Gegevensdiensten struct{ Gegevensdienst []nameXML }
	}
	nameXML struct {
		GegevensdienstID string `xml:"GegevensdienstId"`
		Weergavenaam     string
	}
)

// listText is a list as it is served now, and what is wrong with it.
func (s *Simulator) listText(l List) ([]byte, ListFailure) {
	providers := s.Providers() // before the lock: it asks for behaviours
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[l]++
	fault, number := p.failure[l], p.number[l]
	stamp := p.stamp[l].UTC().Format(time.RFC3339)
	older := fault == ListOlder && number > 1
	if older {
		number--
	}
	var root any
	switch l {
	case ListProviders:
		root = p.providersXML(providers, stamp, number, older)
	case ListClients:
		list := clientsXML{XMLName: rootName(l, "oauthclientlist/release2/"), Tijdstempel: stamp, Volgnummer: number}
		for _, c := range withoutFirst(p.clients, older) {
			list.OAuthclients.OAuthclient = append(list.OAuthclients.OAuthclient, clientXML{c.host, c.name})
		}
		root = list
	case ListWhitelist:
		list := whitelistXML{XMLName: rootName(l, "whitelist/release2/"), Tijdstempel: stamp, Volgnummer: number}
		for _, host := range withoutFirst(p.hosts, older) {
			node := nodeXML{Hostname: host}
			if p.bareNodes {
				node = nodeXML{Bare: host}
			}
			list.MedMijNodes.MedMijNode = append(list.MedMijNodes.MedMijNode, node)
		}
		root = list
	case ListServiceNames:
		list := namesXML{XMLName: rootName(l, "gegevensdienstnamenlijst/release1/"), Tijdstempel: stamp, Volgnummer: number}
		for _, known := range withoutFirst(services, older) {
			list.Gegevensdiensten.Gegevensdienst = append(list.Gegevensdiensten.Gegevensdienst, nameXML{known.id, known.name})
		}
		root = list
	}
	text, err := xml.MarshalIndent(root, "", "  ")
	if err != nil {
		s.Log.Error("could not write a list", "list", l, "error", err)
		return nil, ListServerError
	}
	return breakSchema(append([]byte(xml.Header), text...), fault), fault
}

func (p *publishedLists) providersXML(providers []Provider, stamp string, number uint64, older bool) providersXML {
	release := "zorgaanbiederslijst/release2/"
	if p.release == 3 {
		release = "zorgaanbiederslijst/release3/"
	}
	list := providersXML{XMLName: rootName(ListProviders, release), Tijdstempel: stamp, Volgnummer: number}
	for _, each := range withoutFirst(providers, older) {
		if p.delisted[each.Name] {
			continue
		}
		offered := servicesXML{}
		for _, sv := range each.Services {
			x := serviceXML{GegevensdienstID: sv.ID}
			x.AuthorizationEndpoint.AuthorizationEndpointuri = sv.AuthorizeURL
			x.TokenEndpoint.TokenEndpointuri = sv.TokenURL
			role := roleXML{Systeemrolcode: sv.SystemRole}
			role.ResourceEndpoint.ResourceEndpointuri = sv.ResourceURL
			x.Systeemrollen.Systeemrol = []roleXML{role}
			offered.Gegevensdienst = append(offered.Gegevensdienst, x)
		}
		shown := providerXML{Zorgaanbiedernaam: each.FullName()}
		if p.release == 3 {
			shown.Aanbiedertype, shown.Interfaceversies = "ZA", &interfacesXML{}
			shown.Interfaceversies.Interfaceversie.InterfaceversieID = "1.4.0"
			shown.Interfaceversies.Interfaceversie.Gegevensdiensten = offered
		} else {
			shown.Gegevensdiensten = &offered
		}
		list.Zorgaanbieders.Zorgaanbieder = append(list.Zorgaanbieders.Zorgaanbieder, shown)
	}
	return list
}

func rootName(l List, release string) xml.Name {
	return xml.Name{Space: namespace + release, Local: string(l)}
}

// cutFirst leaves out the first of a list where it is to look older.
func withoutFirst[T any](all []T, older bool) []T {
	if older && len(all) > 1 {
		return all[1:]
	}
	return all
}

// spoilt makes a list break its schema.
func breakSchema(text []byte, f ListFailure) []byte {
	switch f {
	case ListInvalid:
		text = bytes.ReplaceAll(text, []byte("Tijdstempel>"), []byte("Tijdstip>"))
	case ListWrongNamespace:
		text = bytes.Replace(text, []byte("/release"), []byte("/release9"), 1)
	}
	return text
}

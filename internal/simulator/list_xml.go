package simulator

import (
	"bytes"
	"encoding/xml"
	"time"
)

// namespace is the common prefix of the XML namespaces of the lists.
const namespace = "xmlns://afsprakenstelsel.medmij.nl/"

// The lists as XML. Each element with child elements is a type.
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

// document counts a request for a list, and returns the list as XML and its failure.
func (l *Lists) document(name ListName, providers []Provider) ([]byte, ListFailure, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.lists[name]
	list.requests++
	number, older := list.number, list.failure == ListOlder && list.number > 1
	if older {
		number--
	}
	stamp := list.stamp.UTC().Format(time.RFC3339)
	var root any
	switch name {
	case ListProviders:
		root = l.providersXML(withoutFirst(providers, older), stamp, number)
	case ListClients:
		root = l.clientsXML(withoutFirst(l.clients, older), stamp, number)
	case ListWhitelist:
		root = l.whitelistXML(withoutFirst(l.hosts, older), stamp, number)
	case ListServiceNames:
		root = namesXMLOf(withoutFirst(services, older), stamp, number)
	}
	text, err := xml.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, list.failure, err
	}
	return breakSchema(append([]byte(xml.Header), text...), list.failure), list.failure, nil
}

func (l *Lists) providersXML(providers []Provider, stamp string, number uint64) providersXML {
	release := "zorgaanbiederslijst/release2/"
	if l.release == 3 {
		release = "zorgaanbiederslijst/release3/"
	}
	list := providersXML{XMLName: rootName(ListProviders, release), Tijdstempel: stamp, Volgnummer: number}
	for _, p := range providers {
		if l.delisted[p.Name] {
			continue
		}
		entry := providerXML{Zorgaanbiedernaam: p.FullName()}
		if offered := servicesXMLOf(p.Services); l.release == 3 {
			entry.Aanbiedertype, entry.Interfaceversies = "ZA", &interfacesXML{}
			entry.Interfaceversies.Interfaceversie.InterfaceversieID = "1.4.0"
			entry.Interfaceversies.Interfaceversie.Gegevensdiensten = offered
		} else {
			entry.Gegevensdiensten = &offered
		}
		list.Zorgaanbieders.Zorgaanbieder = append(list.Zorgaanbieders.Zorgaanbieder, entry)
	}
	return list
}

func servicesXMLOf(offered []Service) (list servicesXML) {
	for _, s := range offered {
		x := serviceXML{GegevensdienstID: s.ID}
		x.AuthorizationEndpoint.AuthorizationEndpointuri = s.AuthorizeURL
		x.TokenEndpoint.TokenEndpointuri = s.TokenURL
		role := roleXML{Systeemrolcode: s.SystemRole}
		role.ResourceEndpoint.ResourceEndpointuri = s.ResourceURL
		x.Systeemrollen.Systeemrol = []roleXML{role}
		list.Gegevensdienst = append(list.Gegevensdienst, x)
	}
	return list
}

func (l *Lists) clientsXML(clients []listedClient, stamp string, number uint64) clientsXML {
	list := clientsXML{
		XMLName: rootName(ListClients, "oauthclientlist/release2/"), Tijdstempel: stamp, Volgnummer: number,
	}
	for _, c := range clients {
		list.OAuthclients.OAuthclient = append(list.OAuthclients.OAuthclient, clientXML{c.host, c.name})
	}
	return list
}

func (l *Lists) whitelistXML(hosts []string, stamp string, number uint64) whitelistXML {
	list := whitelistXML{
		XMLName: rootName(ListWhitelist, "whitelist/release2/"), Tijdstempel: stamp, Volgnummer: number,
	}
	for _, host := range hosts {
		node := nodeXML{Hostname: host}
		if l.bareNodes {
			node = nodeXML{Bare: host}
		}
		list.MedMijNodes.MedMijNode = append(list.MedMijNodes.MedMijNode, node)
	}
	return list
}

func namesXMLOf(known []dataService, stamp string, number uint64) namesXML {
	list := namesXML{
		XMLName: rootName(ListServiceNames, "gegevensdienstnamenlijst/release1/"), Tijdstempel: stamp,
		Volgnummer: number,
	}
	for _, s := range known {
		list.Gegevensdiensten.Gegevensdienst = append(list.Gegevensdiensten.Gegevensdienst, nameXML{s.id, s.name})
	}
	return list
}

// rootName returns the name of a list's root element in a release.
func rootName(name ListName, release string) xml.Name {
	return xml.Name{Space: namespace + release, Local: string(name)}
}

// withoutFirst returns the entries of a list. If older is set, it leaves out the first one, so that
// an older list differs from the current one.
func withoutFirst[T any](entries []T, older bool) []T {
	if older && len(entries) > 1 {
		return entries[1:]
	}
	return entries
}

// breakSchema returns a list that violates its schema, if the failure is one of the schema.
func breakSchema(text []byte, f ListFailure) []byte {
	switch f {
	case ListInvalid:
		text = bytes.ReplaceAll(text, []byte("Tijdstempel>"), []byte("Tijdstip>"))
	case ListWrongNamespace:
		text = bytes.Replace(text, []byte("/release"), []byte("/release9"), 1)
	}
	return text
}

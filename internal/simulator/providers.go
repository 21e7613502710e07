package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// Provider is a simulated provider.
type Provider struct {
	Name     string // as in the lists, without @medmij, such as "huisartslinde"
	Display  string // the name that people see
	City     string
	ZipCode  string
	Kind     string // such as "general-practitioner"
	Services []Service
}

// FullName returns the name in the list of providers.
func (p Provider) FullName() string { return p.Name + "@medmij" }

// Service is one of a provider's data services ("gegevensdiensten").
type Service struct {
	ID         string
	Name       string // as in the list of names
	Send       bool   // "delen"; otherwise "verzamelen"
	SystemRole string

	// The endpoints in the current list of providers.
	AuthorizeURL, TokenURL, ResourceURL string
}

// simulatedProvider is the fixed part of a Provider, without addresses.
type simulatedProvider struct {
	name, display, city, zipCode, kind string
	services                           []string
}

func (p simulatedProvider) offers(service string) bool { return slices.Contains(p.services, service) }

// sampleProviders returns the providers of every simulator.
func sampleProviders() providerList {
	return providerList{
		{"huisartslinde", "Huisartsenpraktijk De Linde", "Utrecht", "3511 AB", "general-practitioner",
			[]string{"53", "57"}},
		{"rivierenland", "Ziekenhuis Rivierenland", "Tiel", "4002 WP", "hospital", []string{"53", "57", "60"}},
		{"balanspunt", "Fysiotherapie Het Balanspunt", "Zwolle", "8011 CD", "physiotherapy", []string{"53"}},
		{"apotheekdebrug", "Apotheek De Brug", "Deventer", "7411 JH", "pharmacy", []string{"48", "49"}},
	}
}

// dataService is a data service. The system roles are invented: those of 53, 57 and 60 are not
// known.
type dataService struct {
	id, name string
	send     bool
	role     string
	types    []string // its resource types
}

var services = []dataService{
	{"48", "Basisgegevensset zorg (BgZ)", false, "BGZ-1.0-SIM-FHIR",
		[]string{"Patient", "Observation", "Condition", "AllergyIntolerance", "MedicationStatement"}},
	{"49", "Huisartsgegevens", false, "HAG-1.0-SIM-FHIR",
		[]string{"Patient", "Observation", "EpisodeOfCare", "AllergyIntolerance", "MedicationRequest"}},
	{"53", "Meetwaarden vitale functies", true, "MWV-2.0-SIM-FHIR", []string{"Patient", "Observation"}},
	{"57", "Documenten (PDF/A)", true, "PDF-3.0-SIM-FHIR",
		[]string{"Patient", "DocumentManifest", "DocumentReference", "Binary"}},
	{"60", "Antwoorden op vragenlijst", true, "VRL-2.0-SIM-FHIR",
		[]string{"Patient", "Task", "Questionnaire", "QuestionnaireResponse"}},
}

func findService(id string) (dataService, bool) {
	i := slices.IndexFunc(services, func(s dataService) bool { return s.id == id })
	if i < 0 {
		return dataService{}, false
	}
	return services[i], true
}

// providerList is a list of providers.
type providerList []simulatedProvider

// find returns a provider that has a service.
func (l providerList) find(name, service string) (simulatedProvider, bool) {
	for _, p := range l {
		if p.name == name && p.offers(service) {
			return p, true
		}
	}
	return simulatedProvider{}, false
}

// has reports whether there is a provider of that name.
func (l providerList) has(name string) bool {
	return slices.ContainsFunc(l, func(p simulatedProvider) bool { return p.name == name })
}

// Providers lists the providers.
func (s *Simulator) Providers() []Provider {
	var all []Provider
	for _, p := range s.providers {
		shown := Provider{Name: p.name, Display: p.display, City: p.city, ZipCode: p.zipCode, Kind: p.kind}
		for _, id := range p.services {
			known, _ := findService(id)
			shown.Services = append(shown.Services, Service{
				ID: id, Name: known.name, Send: known.send, SystemRole: known.role,
				AuthorizeURL: s.frontURL + servicePath(p.name, id) + "/authorize",
				TokenURL:     s.backURLOf(p.name) + servicePath(p.name, id) + "/token",
				ResourceURL:  s.backURLOf(p.name) + servicePath(p.name, id) + "/fhir",
			})
		}
		all = append(all, shown)
	}
	return all
}

// servicePath returns the path of a provider's service, which is the same on each server.
func servicePath(provider, service string) string { return "/" + provider + "/" + service }

// backURLOf returns the backchannel URL of a provider, which may be a bad endpoint.
func (s *Simulator) backURLOf(provider string) string {
	if bad := s.behaviours.get(provider).BadEndpoint; bad != "" {
		return s.badEndpoints[bad]
	}
	return s.backURL
}

// displayName returns the name of a provider that people see.
func (l providerList) displayName(name string) string {
	for _, p := range l {
		if p.name == name {
			return p.display
		}
	}
	return name
}

// check returns an error with the valid names if a provider does not exist.
func (l providerList) check(name string) error {
	if name == "" || l.has(name) {
		return nil
	}
	var names []string
	for _, p := range l {
		names = append(names, p.name)
	}
	return fmt.Errorf("no provider %q; there are %s", name, strings.Join(names, ", "))
}

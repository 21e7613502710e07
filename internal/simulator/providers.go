package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Provider is one of the simulated providers.
type Provider struct {
	Name     string // as in the lists, without @medmij, such as "huisartslinde"
	Display  string // for people
	City     string
	ZipCode  string
	Kind     string // such as "general-practitioner"
	Services []Service
}

// FullName is the name as the list of providers has it.
func (p Provider) FullName() string { return p.Name + "@medmij" }

// Service is one of a provider's data services ("gegevensdiensten").
type Service struct {
	ID         string
	Name       string // as in the list of names
	Send       bool   // "delen"; otherwise "verzamelen"
	SystemRole string

	// Where it is, as the list of providers says now.
	AuthorizeURL, TokenURL, ResourceURL string
}

// provider is a provider as it is made up here; its addresses depend on where the
// simulator stands.
type provider struct {
	name, display, city, zipCode, kind string
	services                           []string
}

func (p provider) offers(service string) bool { return slices.Contains(p.services, service) }

func sampleProviders() []provider {
	return []provider{
		{"huisartslinde", "Huisartsenpraktijk De Linde", "Utrecht", "3511 AB", "general-practitioner", []string{"53", "57"}},
		{"rivierenland", "Ziekenhuis Rivierenland", "Tiel", "4002 WP", "hospital", []string{"53", "57", "60"}},
		{"balanspunt", "Fysiotherapie Het Balanspunt", "Zwolle", "8011 CD", "physiotherapy", []string{"53"}},
		{"apotheekdebrug", "Apotheek De Brug", "Deventer", "7411 JH", "pharmacy", []string{"48", "49"}},
	}
}

// service is what the list of names, and our own knowledge, says of a data service.
// The system roles are made up: those of 53, 57 and 60 are not known to us.
type service struct {
	id, name string
	send     bool
	role     string
	types    []string // of the resources that it is about
}

var services = []service{
	{"48", "Basisgegevensset zorg (BgZ)", false, "BGZ-1.0-SIM-FHIR", []string{"Patient", "Observation", "Condition", "AllergyIntolerance", "MedicationStatement"}},
	{"49", "Huisartsgegevens", false, "HAG-1.0-SIM-FHIR", []string{"Patient", "Observation", "EpisodeOfCare", "AllergyIntolerance", "MedicationRequest"}},
	{"53", "Meetwaarden vitale functies", true, "MWV-2.0-SIM-FHIR", []string{"Patient", "Observation"}},
	{"57", "Documenten (PDF/A)", true, "PDF-3.0-SIM-FHIR", []string{"Patient", "DocumentManifest", "DocumentReference", "Binary"}},
	{"60", "Antwoorden op vragenlijst", true, "VRL-2.0-SIM-FHIR", []string{"Patient", "Task", "Questionnaire", "QuestionnaireResponse"}},
}

func findService(id string) (service, bool) {
	i := slices.IndexFunc(services, func(s service) bool { return s.id == id })
	if i < 0 {
		return service{}, false
	}
	return services[i], true
}

// find finds a provider that offers a service.
func (s *Simulator) find(name, service string) (provider, bool) {
	for _, p := range s.providers {
		if p.name == name && p.offers(service) {
			return p, true
		}
	}
	return provider{}, false
}

// knows says whether a provider of this name is simulated.
func (s *Simulator) hasProvider(name string) bool {
	return slices.ContainsFunc(s.providers, func(p provider) bool { return p.name == name })
}

// Providers are the simulated providers.
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

// servicePath is where a provider's service lies on each of the servers.
func servicePath(provider, service string) string { return "/" + provider + "/" + service }

// backOf is the backchannel address of a provider: our own, or a trap.
func (s *Simulator) backURLOf(provider string) string {
	if trap := s.behaviours.get(provider).BadEndpoint; trap != "" {
		return s.badEndpoints[trap]
	}
	return s.backURL
}

// directoryEntry is a provider as the directory shows it.
type directoryEntry struct {
	Name    string `json:"name"`
	City    string `json:"city"`
	ZipCode string `json:"zipCode"`
	Kind    string `json:"organizationType"`
}

// Directory is JSON with what the lists do not say of a provider: what people call it
// and where it is.
func (s *Simulator) Directory() []byte {
	cards := map[string]directoryEntry{}
	for _, p := range s.providers {
		cards[p.name] = directoryEntry{Name: p.display, City: p.city, ZipCode: p.zipCode, Kind: p.kind}
	}
	text, err := json.MarshalIndent(cards, "", "  ")
	if err != nil {
		return []byte("{}") // cannot be: strings alone
	}
	return append(text, '\n')
}

func (s *Simulator) writeDirectory() error {
	if s.Folder == "" {
		return nil
	}
	return writeFile(s.Files().Directory, s.Directory())
}

// displayOf is what people call a provider.
func (s *Simulator) displayName(name string) string {
	for _, p := range s.providers {
		if p.name == name {
			return p.display
		}
	}
	return name
}

// checkProvider says what names there are where one is wrong.
func (s *Simulator) checkProvider(name string) error {
	if name == "" || s.hasProvider(name) {
		return nil
	}
	var names []string
	for _, p := range s.providers {
		names = append(names, p.name)
	}
	return fmt.Errorf("no provider %q; there are %s", name, strings.Join(names, ", "))
}

package catalogue_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
)

// operatorFile is an operator's file, with the sources that the tests look for.
const operatorFile = `{
  "services": [
    {"id": 900001, "name": "MedMij", "reference": "medmij", "category": 2},
    {"id": 900002, "name": "FHIR", "reference": "fhir", "category": 2, "publishedDate": "2026-11-24"},
    {"id": 900005, "name": "Old", "reference": "old", "category": 2, "publishedStatus": "blocked"},
    {"id": 3, "name": "Twitter", "reference": "twitter", "category": 1}
  ],
  "sources": [
    {"id": 900201, "name": "Élan Ziekenhuis", "reference": "elan", "service": 900002, "types": ["pull",
     "push"], "countries": ["nl", "be"],
     "address": {"city": "'s-Hertogenbosch", "zipCode": "5211 AB"}, "medicalCenter": "Jeroen Bosch",
     "practitioner": "dr. Ødegård", "abbreviation": "EZH",
     "alias": ["Het Élan", "Sint Jozef"], "provider": "fhir:elan", "fhirVersion": "3.0",
     "dataTypes": ["documents", "vaccinations"],
     "organizationType": "hospital", "publishedDate": "2026-01-02", "logo": "https://elan.example/logo.svg",
     "platforms": ["web"],
     "json": {"homepageURL": "https://elan.example", "authorisation": {"type": "saas"}}},
    {"id": 900202, "name": "alpha clinic", "reference": "alpha", "service": 900002, "types": ["pull"],
     "countries": ["be"],
     "address": {"city": "Utrecht", "zipCode": "3511AB"}, "provider": "fhir:alpha", "dataTypes": ["gp-data"],
     "organizationType": "general-practitioner"},
    {"id": 900203, "name": "Zeta clinic", "reference": "zeta", "service": 900002, "types": ["push"],
     "provider": "fhir:zeta", "fhirVersion": "4.0"},
    {"id": 900204, "name": "Beta clinic", "reference": "beta", "service": 900005, "types": ["pull"],
     "provider": "fhir:beta"},
    {"id": 900205, "name": "Gamma clinic", "reference": "gamma", "service": 900002, "types": ["pull"],
     "provider": "fhir:gamma", "publishedStatus": "pending"},
    {"id": 900206, "name": "Sample clinic", "names": {"nl": "Voorbeeldkliniek"}, "reference": "sample",
     "service": 900002, "types": ["pull", "push"], "publishedStatus": "sampledataonly", "sampleData": "medical"},
    {"id": 2, "name": "Twitter", "reference": "twitter", "service": 3, "types": ["pull"]}
  ],
  "directory": {
    "huisartslinde": {"name": "Huisartsenpraktijk De Linde", "alias": ["Linde"], "city": "Utrecht",
     "zipCode": "3511 AB", "organizationType": "general-practitioner"}
  }
}`

// discardLog discards everything.
var discardLog = slog.New(slog.DiscardHandler)

func parse(t testing.TB, text string, listers ...catalogue.SourceLister) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c.AddListers(listers...)
	return c
}

// search searches with the body of a client's request.
func search(t testing.TB, c *catalogue.Catalogue, body string) wire.SourcesAnswer {
	t.Helper()
	q, err := wire.ParseSourcesRequest([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Search(q)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// ids returns the ids of sources.
func ids(list []wire.Source) (ids []int) {
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	return ids
}

// fakeLister is a lister whose list a test sets.
type fakeLister struct {
	mu         sync.Mutex
	list       []catalogue.Source
	generation uint64
	err        error
}

func (b *fakeLister) ListSources() ([]catalogue.Source, uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list, b.generation, b.err
}

// write replaces the list.
func (b *fakeLister) write(list ...catalogue.Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list, b.generation, b.err = list, b.generation+1, nil
}

// fail makes the list unavailable.
func (b *fakeLister) fail() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = errors.New("no list today")
}

// linde returns a source for a service of huisartslinde, the provider in the directory.
func linde(service, name string, d catalogue.Directory) catalogue.Source {
	return catalogue.MedMijSource(delivery.ProviderKey("medmij:huisartslinde~"+service),
		"huisartslinde@medmij", service, name, d)
}

// acceptable returns an error if the Node client would refuse a response or the iOS
// client would miss something in it.
func acceptable(answer []byte) error {
	var a map[string]any
	if err := json.Unmarshal(answer, &a); err != nil {
		return err
	}
	if err := noNull("answer", a); err != nil {
		return err
	}
	for _, name := range []string{"limit", "offset", "total"} {
		if _, ok := a[name].(float64); !ok {
			return fmt.Errorf("%s is %v", name, a[name])
		}
	}
	list, ok := a["data"].([]any)
	if !ok {
		return fmt.Errorf("data is %v", a["data"])
	}
	for i, s := range list {
		if err := acceptableSource(s.(map[string]any)); err != nil {
			return fmt.Errorf("data[%d]: %w", i, err)
		}
	}
	return nil
}

func acceptableSource(s map[string]any) error {
	status := func(v any) error {
		if word, ok := v.(string); !ok || !slices.Contains(wire.Statuses, wire.PublishedStatus(word)) {
			return fmt.Errorf("publishedStatus is %v", v)
		}
		return nil
	}
	if id, ok := s["id"].(float64); !ok || id != float64(int64(id)) || id > 1<<53 {
		return fmt.Errorf("id is %v", s["id"])
	}
	if name, ok := s["name"].(string); !ok || name == "" {
		return fmt.Errorf("name is %v", s["name"])
	}
	if err := status(s["publishedStatus"]); err != nil {
		return err
	}
	service, _ := s["service"].(map[string]any)
	if _, ok := service["id"].(float64); !ok {
		return fmt.Errorf("service is %v", s["service"])
	}
	if err := status(service["publishedStatus"]); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if resource, _ := s["resource"].(map[string]any); resource["url"] == nil || resource["url"] == "" ||
		resource["mimetype"] == nil {
		return fmt.Errorf("resource is %v", s["resource"])
	}
	for _, name := range []string{"category", "type"} {
		list, ok := s[name].([]any)
		if !ok {
			return fmt.Errorf("%s is %v", name, s[name])
		}
		for _, one := range list {
			if _, ok := one.(map[string]any)["id"].(float64); !ok {
				return fmt.Errorf("%s has %v", name, one)
			}
		}
	}
	if list, ok := s["address"].([]any); ok {
		for _, part := range []string{"city", "zipCode", "streetName", "streetNumber"} {
			if _, ok := list[0].(map[string]any)[part].(string); !ok {
				return fmt.Errorf("address has no %s", part)
			}
		}
	} else if s["address"] != nil {
		return fmt.Errorf("address is %v", s["address"])
	}
	if said, ok := s["json"].(map[string]any); ok {
		authorisation, _ := said["authorisation"].(map[string]any)
		if t, ok := authorisation["type"]; ok && t != "saas" && t != "sdk" && t != "none" {
			return fmt.Errorf("json.authorisation.type is %v", t)
		}
	} else if s["json"] != nil {
		return fmt.Errorf("json is %v", s["json"])
	}
	return nil
}

// noNull returns an error if a JSON value is null or contains a null.
func noNull(path string, v any) error {
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s is null", path)
	case map[string]any:
		for name, m := range v {
			if err := noNull(path+"."+name, m); err != nil {
				return err
			}
		}
	case []any:
		for i, m := range v {
			if err := noNull(fmt.Sprintf("%s[%d]", path, i), m); err != nil {
				return err
			}
		}
	}
	return nil
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

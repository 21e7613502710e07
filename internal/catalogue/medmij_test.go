package catalogue_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

func TestMedMijSource(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	b := &fakeLister{}
	s := linde("53", "Meetwaarden vitale functies", c.Directory())
	b.write(s)
	c.AddListers(b)

	// Connections are stored with this id, so it must never change.
	if s.ID != 616576890012 {
		t.Errorf("id %d", s.ID)
	}
	got, err := c.Get(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "Huisartsenpraktijk De Linde" || got.Title != got.Name ||
		got.Detail != "Meetwaarden vitale functies" || got.Reference != "huisartslinde~53" ||
		got.OrganizationType != "general-practitioner" ||
		!slices.Equal(got.DataTypes, []string{"measurements-vital-signs"}) ||
		got.Service.Name != "MedMij" || got.Service.Category.Name != "Medical" || got.Countries[0].Code != "nl" ||
		len(got.Platforms) != 3 ||
		!got.Push || got.Pull || !got.Dynamic || !got.Connectable() {
		t.Errorf("%+v", got)
	}
	used, err := c.Source(s.ID)
	if err != nil || used.Provider != "medmij:huisartslinde~53" || used.Version != fhir.STU3 ||
		used.ServiceID != catalogue.ServiceMedMij {
		t.Errorf("%+v, %v", used, err)
	}
	for _, text := range []string{"linde", "vitale", "3511ab", "utrecht lin", "huisartslinde"} {
		if found, _, err := c.ListConnectable(catalogue.ConnectQuery{Push: true, Text: text,
			DataTypes: []string{"measurements-vital-signs"}}); err != nil || len(found) != 1 {
			t.Errorf("%q finds %v, %v", text, found, err)
		}
	}
	a := search(t, c, anyPush)
	if err := acceptable(marshal(t, a)); err != nil {
		t.Error(err)
	}
}

func TestMedMijSourceWithoutDirectory(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		provider, service, name string
		types                   []string
	}{
		{"test.huisarts.amsterdam@medmij", "57", "Test Huisarts Amsterdam", []string{"documents"}},
		{"ziekenhuis@medmij", "60", "Ziekenhuis", []string{"questionnaire-response"}},
		{"élan-zorg", "900000407", "Élan Zorg", nil},
	} {
		s := catalogue.MedMijSource("medmij:x", tt.provider, tt.service, "", nil)
		if s.Name != tt.name || !slices.Equal(s.DataTypes, tt.types) || s.OrganizationType != "" {
			t.Errorf("%+v", s)
		}
		if strings.Contains(s.Reference, "@") {
			t.Errorf("reference %q", s.Reference)
		}
	}
}

// Ids are unique, and below 2^53, so that every client can represent them.
func TestListedIDs(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for i := range 10000 {
		s := catalogue.MedMijSource(delivery.ProviderKey(fmt.Sprintf("medmij:provider%d~53", i)), "p", "53", "", nil)
		if s.ID < catalogue.FirstListedID || s.ID >= 1<<53 || seen[s.ID] {
			t.Fatalf("id %d", s.ID)
		}
		seen[s.ID] = true
	}
}

package catalogue_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

const anyPush = `{"query":{"filter":{"type":{"id":[2]}}}}`

func TestMedMijSource(t *testing.T) {
	c := parse(t, town)
	b := &board{}
	s := linde("53", "Meetwaarden vitale functies", c.Directory())
	b.write(s)
	c.Add(b)

	// Accounts hold this id: it must never be another.
	if s.ID != 616576890012 {
		t.Errorf("id %d", s.ID)
	}
	got, err := c.Entry(s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "Huisartsenpraktijk De Linde" || got.Title != got.Name || got.Detail != "Meetwaarden vitale functies" || got.Reference != "huisartslinde~53" ||
		got.OrganizationType != "general-practitioner" || !slices.Equal(got.DataTypes, []string{"measurements-vital-signs"}) ||
		got.Service.Name != "MedMij" || got.Service.Category.Name != "Medical" || got.Countries[0].Code != "nl" || len(got.Platforms) != 3 ||
		!got.Push || got.Pull || !got.Dynamic || !got.Usable() {
		t.Errorf("%+v", got)
	}
	used, err := c.Source(s.ID)
	if err != nil || used.Provider != "medmij:huisartslinde~53" || used.Version != fhir.STU3 || used.ServiceID != catalogue.ServiceMedMij {
		t.Errorf("%+v, %v", used, err)
	}
	for _, text := range []string{"linde", "vitale", "3511ab", "utrecht lin", "huisartslinde"} {
		if found, _, err := c.Choose(catalogue.Choice{Push: true, Text: text, DataTypes: []string{"measurements-vital-signs"}}); err != nil || len(found) != 1 {
			t.Errorf("%q finds %v, %v", text, found, err)
		}
	}
	a := search(t, c, anyPush)
	if err := acceptable(marshal(t, a)); err != nil {
		t.Error(err)
	}
}

func TestMedMijSourceWithoutDirectory(t *testing.T) {
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

// Ids are spread over 2^40 numbers that every client can hold.
func TestListedIDs(t *testing.T) {
	seen := map[int]bool{}
	for i := range 10000 {
		s := catalogue.MedMijSource(delivery.ProviderKey(fmt.Sprintf("medmij:provider%d~53", i)), "p", "53", "", nil)
		if s.ID < catalogue.FirstListedID || s.ID >= 1<<53 || seen[s.ID] {
			t.Fatalf("id %d", s.ID)
		}
		seen[s.ID] = true
	}
}

// Two services of one provider have titles of their own; one alone has the name only.
func TestTitles(t *testing.T) {
	c := parse(t, town)
	b := &board{}
	c.Add(b)
	namesake := catalogue.MedMijSource("medmij:linde2~53", "linde2", "53", "Meetwaarden", catalogue.Directory{"linde2": {Name: "Huisartsenpraktijk de Linde", City: "Zeist"}})
	b.write(linde("57", "Documenten", c.Directory()), namesake, linde("53", "Meetwaarden", c.Directory()))
	var titles []string
	for _, s := range search(t, c, `{"query":{"queryString":"linde","filter":{"type":{"id":[2]}}}}`).Data {
		titles = append(titles, s.Name)
	}
	want := []string{"Huisartsenpraktijk De Linde – Documenten", "Huisartsenpraktijk De Linde – Meetwaarden", "Huisartsenpraktijk de Linde"}
	if !slices.Equal(titles, want) {
		t.Errorf("%q, want %q", titles, want)
	}
	b.write(linde("57", "Documenten", c.Directory()))
	if found, _, err := c.Choose(catalogue.Choice{Push: true, Text: "linde"}); err != nil || len(found) != 1 || found[0].Title != found[0].Name {
		t.Errorf("alone: %v, %v", found, err)
	}
}

func TestListingChanges(t *testing.T) {
	b := &board{}
	c := parse(t, town, b)
	one := linde("53", "", c.Directory())
	count := func() int { return search(t, c, anyPush).Total }
	if n := count(); n != 2 {
		t.Errorf("%d sources of the file", n)
	}
	b.write(one)
	if n := count(); n != 3 {
		t.Errorf("%d sources with a listed one", n)
	}
	b.write()
	if n := count(); n != 2 {
		t.Errorf("%d sources without it", n)
	}
	if _, err := c.Source(one.ID); !errors.Is(err, catalogue.ErrNotFound) || errors.Is(err, catalogue.ErrUnlisted) {
		t.Errorf("gone: %v", err)
	}
}

// A listing that cannot be had hides its sources; what is known else is found.
func TestListingFails(t *testing.T) {
	b := &board{}
	c := parse(t, town, b)
	one := linde("53", "", c.Directory())
	b.write(one)
	if _, err := c.Source(one.ID); err != nil {
		t.Fatal(err)
	}
	b.fail()
	if _, err := c.Source(one.ID); !errors.Is(err, catalogue.ErrUnlisted) || errors.Is(err, catalogue.ErrNotFound) || !strings.Contains(err.Error(), "no list today") {
		t.Errorf("listed source: %v", err)
	}
	if _, err := c.Source(77); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("a source that is none of the listing's: %v", err)
	}
	if found, total, err := c.Choose(catalogue.Choice{Push: true}); err != nil || len(found) != 2 || total != 2 {
		t.Errorf("%v, %d, %v", found, total, err)
	}
	if found, _, err := c.Choose(catalogue.Choice{Push: true, Text: "linde"}); !errors.Is(err, catalogue.ErrUnlisted) || found != nil {
		t.Errorf("%v, %v", found, err)
	}
	q := wire.SourcesRequest{Query: wire.SourceQuery{QueryString: "linde"}}
	if _, err := c.Search(q); !errors.Is(err, catalogue.ErrUnlisted) {
		t.Error(err)
	}
	b.write(one)
	if _, err := c.Source(one.ID); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

func TestListedSourcesLeftOut(t *testing.T) {
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "town.json")
	if err := os.WriteFile(path, []byte(town), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalogue.Load(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	b := &board{}
	c.Add(b)
	good, low, homeless := linde("53", "", nil), linde("57", "", nil), linde("60", "", nil)
	twin := good
	twin.Name = "Twin"
	low.ID, homeless.Service.ID = 899_999, 7
	twin.Provider = "medmij:another"
	known, own := linde("53", "", nil), linde("57", "", nil) // an operator's ids
	known.ID, known.Provider, own.ID = 900203, "fhir:zeta", 900299
	b.write(good, low, homeless, twin, known, own)
	if got := search(t, c, anyPush); got.Total != 4 {
		t.Errorf("%d sources", got.Total)
	}
	if got, err := c.Entry(900203); err != nil || got.Name != "Zeta clinic" {
		t.Errorf("what the file says: %+v, %v", got, err)
	}
	if got, err := c.Source(900299); err != nil || got.Provider != own.Provider {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Entry(good.ID); err != nil || got.Name == "Twin" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, why := range []string{"another source has its id", "its id is one of those of digi.me", "there is no service 7"} {
		if strings.Count(log.String(), why) != 1 {
			t.Errorf("the log does not say once that %s:\n%s", why, log.String())
		}
	}
}

// Queries and a listing that changes do not meet.
func TestAtOnce(t *testing.T) {
	b := &board{}
	c := parse(t, town, b)
	one, two := linde("53", "A", c.Directory()), linde("57", "B", c.Directory())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				if i == 0 {
					b.write(one)
					b.write(one, two)
					b.fail()
					continue
				}
				q := wire.SourcesRequest{Query: wire.SourceQuery{Filter: wire.SourceFilter{Type: wire.IDFilter{ID: []int{wire.TypePush}}}}}
				a, err := c.Search(q)
				if err != nil || a.Total < 2 || a.Total > 4 {
					t.Errorf("%d sources, %v", a.Total, err)
				}
			}
		})
	}
	all.Wait()
	b.write(one, two)
	if a := search(t, c, anyPush); a.Total != 4 {
		t.Errorf("in the end %d sources", a.Total)
	}
}

package catalogue_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
)

const anyPush = `{"query":{"filter":{"type":{"id":[2]}}}}`

// If a provider has two services, their titles have the detail. The title of a single
// service is only the name.
func TestTitles(t *testing.T) {
	t.Parallel()
	c := parse(t, operatorFile)
	b := &fakeLister{}
	c.AddListers(b)
	namesake := catalogue.MedMijSource("medmij:linde2~53", "linde2", "53", "Meetwaarden",
		catalogue.Directory{"linde2": {Name: "Huisartsenpraktijk de Linde", City: "Zeist"}})
	b.write(linde("57", "Documenten", c.Directory()), namesake, linde("53", "Meetwaarden", c.Directory()))
	var titles []string
	for _, s := range search(t, c, `{"query":{"queryString":"linde","filter":{"type":{"id":[2]}}}}`).Data {
		titles = append(titles, s.Name)
	}
	want := []string{"Huisartsenpraktijk De Linde – Documenten", "Huisartsenpraktijk De Linde – Meetwaarden",
		"Huisartsenpraktijk de Linde"}
	if !slices.Equal(titles, want) {
		t.Errorf("%q, want %q", titles, want)
	}
	b.write(linde("57", "Documenten", c.Directory()))
	if found, _, err := c.ListConnectable(catalogue.ConnectQuery{Push: true, Text: "linde"}); err != nil ||
		len(found) != 1 || found[0].Title != found[0].Name {
		t.Errorf("a single service: %v, %v", found, err)
	}
}

func TestListingChanges(t *testing.T) {
	t.Parallel()
	b := &fakeLister{}
	c := parse(t, operatorFile, b)
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
	if _, err := c.Source(one.ID); !errors.Is(err, catalogue.ErrNotFound) ||
		errors.Is(err, catalogue.ErrListUnavailable) {
		t.Errorf("a source that is no longer listed: %v", err)
	}
}

// While a list is not available, its sources are not found, but other sources are.
func TestListingFails(t *testing.T) {
	t.Parallel()
	b := &fakeLister{}
	c := parse(t, operatorFile, b)
	one := linde("53", "", c.Directory())
	b.write(one)
	if _, err := c.Source(one.ID); err != nil {
		t.Fatal(err)
	}
	b.fail()
	if _, err := c.Source(one.ID); !errors.Is(err, catalogue.ErrListUnavailable) ||
		errors.Is(err, catalogue.ErrNotFound) || !strings.Contains(err.Error(), "no list today") {
		t.Errorf("listed source: %v", err)
	}
	if _, err := c.Source(77); !errors.Is(err, catalogue.ErrNotFound) {
		t.Errorf("a source that is not on the list: %v", err)
	}
	if found, total, err := c.ListConnectable(catalogue.ConnectQuery{Push: true}); err != nil || len(found) != 2 ||
		total != 2 {
		t.Errorf("%v, %d, %v", found, total, err)
	}
	if found, _, err := c.ListConnectable(catalogue.ConnectQuery{Push: true, Text: "linde"}); !errors.Is(err,
		catalogue.ErrListUnavailable) || found != nil {
		t.Errorf("%v, %v", found, err)
	}
	q := wire.SourcesRequest{Query: wire.SourceQuery{QueryString: "linde"}}
	if _, err := c.Search(q); !errors.Is(err, catalogue.ErrListUnavailable) {
		t.Error(err)
	}
	b.write(one)
	if _, err := c.Source(one.ID); err != nil {
		t.Errorf("when the list is available again: %v", err)
	}
}

func TestListedSourcesLeftOut(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "town.json")
	if err := os.WriteFile(path, []byte(operatorFile), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalogue.Load(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	b := &fakeLister{}
	c.AddListers(b)
	good, low, homeless := linde("53", "", nil), linde("57", "", nil), linde("60", "", nil)
	twin := good
	twin.Name = "Twin"
	low.ID, homeless.Service.ID = 899_999, 7
	twin.Provider = "medmij:another"
	known, own := linde("53", "", nil), linde("57", "", nil) // ids of the operator's range
	known.ID, known.Provider, own.ID = 900203, "fhir:zeta", 900299
	b.write(good, low, homeless, twin, known, own)
	if got := search(t, c, anyPush); got.Total != 4 {
		t.Errorf("%d sources", got.Total)
	}
	if got, err := c.Get(900203); err != nil || got.Name != "Zeta clinic" {
		t.Errorf("the source of the file: %+v, %v", got, err)
	}
	if got, err := c.Source(900299); err != nil || got.Provider != own.Provider {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Get(good.ID); err != nil || got.Name == "Twin" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, why := range []string{"another source has its id", "its id is one of those of digi.me",
		"there is no service 7"} {
		if strings.Count(log.String(), why) != 1 {
			t.Errorf("the log does not have %q once:\n%s", why, log.String())
		}
	}
}

// Queries are safe while a list changes.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	b := &fakeLister{}
	c := parse(t, operatorFile, b)
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
				push := wire.SourceFilter{Type: wire.IDFilter{ID: []int{wire.TypePush}}}
				q := wire.SourcesRequest{Query: wire.SourceQuery{Filter: push}}
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

package catalogue_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/catalogue"
)

func TestDefaultCatalogue(t *testing.T) {
	t.Parallel()
	c, err := catalogue.Load("", discardLog)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Categories(wire.ListRequest{}).Data; len(got) != 5 || got[1].Name != "Medical" {
		t.Errorf("categories %v", got)
	}
	if got := c.Countries(wire.ListRequest{}).Data; len(got) != 249 {
		t.Errorf("%d countries", len(got))
	}
	if a := search(t, c, ``); a.Total != 0 {
		t.Errorf("%d sources to connect", a.Total)
	}
	a := search(t, c, `{"query":{"filter":{"publishedStatus":["sampledataonly"]}}}`)
	if a.Total == 0 {
		t.Error("no sample sources")
	}
	if err := acceptable(marshal(t, a)); err != nil {
		t.Error(err)
	}
	for _, s := range a.Data {
		sets, err := c.SampleDataSets(s.ID)
		if err != nil || sets["default"].Name == "" || sets["test"].Name == "" || !s.Onboardable {
			t.Errorf("source %d: %+v, %v, %v", s.ID, s, sets, err)
		}
	}
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	source := func(rest string) string {
		return `{"sources":[{"id":900300,"name":"X","service":900002,"types":["pull"],` + rest + `}]}`
	}
	for _, tt := range []struct{ file, want string }{
		{`{`, "line 1: not JSON: "},
		{"{\n\"sources\": [\n}", "line 3: not JSON: "},
		{`{} {}`, "line 1: something follows the JSON"},
		{`[]`, "the file is an object, not array"},
		{`{"source":[]}`, `the file: the key "source" is not known`},
		{"{\"sources\":[],\n\"sources\":[]}", `line 2: the key "sources" is there twice`},
		{`{"sources":{}}`, "sources is a list, not object"},
		{`{"sources":[7]}`, "sources[0] is an object, not number"},
		{source(`"colour":"red"`), `sources[0]: the key "colour" is not known`},
		{source(`"reference":7`), "sources[0].reference is a text, not number"},
		{source(`"address":{"zip":"1"}`), `sources[0]: the key "zip" is not known`},
		{source(`"address":{"city":1}`), "sources[0].address.city is a text, not number"},
		{source(`"publishedStatus":"new"`), `sources[0].publishedStatus: there is no status "new"`},
		{source(`"publishedDate":"yesterday"`), `sources[0].publishedDate is a day like 2026-11-24, not "yesterday"`},
		{source(`"countries":["nl","xx"]`), `sources[0].countries[1]: there is no country "xx"`},
		{source(`"platforms":["tv"]`), `sources[0].platforms[0]: there is no platform "tv"`},
		{source(`"provider":"clinic"`), `sources[0].provider is like smart:clinic, not "clinic"`},
		{source(`"fhirVersion":"2.0"`), `sources[0].fhirVersion is 3.0 or 4.0, not "2.0"`},
		{source(`"dataTypes":["documents","x"]`), `sources[0].dataTypes[1]: there is no data type "x"`},
		{source(`"organizationType":"shop"`), `sources[0].organizationType: there is no organisation type "shop"`},
		{source(`"logo":"http://x.example/a.png"`), "sources[0].logo is an address with https: or data:image/"},
		{source(`"json":[]`), "sources[0].json is an object"},
		{source(`"json":{"authorisation":{"type":"x"}}`), "sources[0].json.authorisation.type is saas, sdk or none"},
		{source(`"publishedStatus":"sampledataonly"`), "sources[0].sampleData is missing: "},
		{source(`"sampleData":"weather"`), "sources[0].sampleData is one of medical, social, finance, fitness, " +
			`entertainment, not "weather"`},
		{source(`"names":{"dutch!":"Y"}`), `sources[0].names: there is no language "dutch!"`},
		{source(`"names":{"nl":" "}`), "sources[0].names.nl is missing"},
		{`{"sources":[{"id":900300,"name":"X","service":900002}]}`, "sources[0].types is missing: pull, push, or both"},
		{`{"sources":[{"id":900300,"name":"X","service":900002,"types":["in"]}]}`,
			`sources[0].types[0] is pull or push, not "in"`},
		{`{"sources":[{"id":900300,"name":"X","service":900002,"types":["push"],"provider":"fhir:x"}]}`,
			"sources[0].fhirVersion is missing: "},
		{`{"sources":[{"id":900300,"name":" ","service":7,"types":["push"]}]}`,
			"sources[0].service: there is no service 7\nsources[0].name is missing"},
		{`{"sources":[{"name":"X","service":900002,"types":["push"]}]}`, "sources[0].id is from 1 to 999999"},
		{`{"sources":[{"id":1000000,"name":"X","service":900002,"types":["push"]}]}`,
			"sources[0].id is from 1 to 999999"},
		{`{"sources":[{"id":1,"name":"X","service":900002,"types":["push"]},` +
			`{"id":1,"name":"Y","service":900002,"types":["push"]}]}`,
			"sources[1].id: 1 is that of sources[0] already"},
		{`{"services":[{"id":1,"name":"A","category":1},{"id":2,"name":"B","category":2},` +
			`{"id":3,"name":"C","category":7}]}`,
			"services[2].category: there is no category 7"},
		{`{"services":[{"id":1,"name":"A","category":1},{"id":1,"name":"B","category":2}]}`,
			"services[1].id: 1 is that of services[0] already"},
		{`{"categories":[{"id":1,"name":""}]}`, "categories[0].name is missing"},
		{`{"countries":[{"id":1,"name":"A","code":"NL"}]}`, "countries[0].code is two small letters"},
		{`{"countries":[{"id":1,"name":"A","code":"nl"},{"id":2,"name":"B","code":"nl"}]}`,
			"countries[1].code: nl is that of countries[0] already"},
		{`{"platforms":[{"id":1,"name":"A"}]}`, "platforms[0].reference is missing"},
		{`{"directory":{"Linde":{"name":"De Linde"}}}`, `directory["Linde"]: the name of a provider is like`},
		{`{"directory":{"linde":{}}}`, `directory["linde"].name is missing`},
		{`{"directory":{"linde":{"name":"De Linde","zip":""}}}`, `directory["linde"]: the key "zip" is not known`},
		{`{"directory":{"linde":{"name":"De Linde","organizationType":"x"}}}`,
			`directory["linde"].organizationType: there is no organisation type "x"`},
		{`{"directory":{"linde":{"name":"A"},"linde@medmij":{"name":"B"}}}`,
			`directory["linde@medmij"]: the provider is there twice`},
		{`{"directory":[]}`, "directory is an object, not array"},
	} {
		_, err := catalogue.Parse([]byte(tt.file))
		if err == nil {
			t.Errorf("%s: accepted", tt.file)
		} else if !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s\n\terror %q\n\twant  %q", tt.file, err, tt.want)
		}
	}
}

// If there are many errors, the first ones are reported together, with the number of the others.
func TestManyFileErrors(t *testing.T) {
	t.Parallel()
	file := `{"sources":[` +
		strings.TrimSuffix(strings.Repeat(`{"id":0,"name":"X","service":900002,"types":["pull"]},`, 30), ",") + `]}`
	_, err := catalogue.Parse([]byte(file))
	if err == nil || strings.Count(err.Error(), "\n") != 10 || !strings.HasSuffix(err.Error(), "and 20 more") {
		t.Error(err)
	}
}

// A section that a file does not have is that of the default catalogue.
func TestSections(t *testing.T) {
	t.Parallel()
	const sample = `{"query":{"filter":{"publishedStatus":["sampledataonly"]}}}`
	for _, tt := range []struct {
		name, file        string
		sources, services []int
	}{
		{"nothing", `{}`, []int{900104, 900103, 900101, 900102, 16}, nil},
		{"sources: no default ones", `{"sources":[{"id":900300,"name":"X","service":900004,"types":["pull"],` +
			`"publishedStatus":"sampledataonly","sampleData":"social"}]}`, []int{900300}, []int{900004}},
		{"no sources", `{"sources":[]}`, nil, nil},
		{"services: no sources of other services", `{"services":[{"id":900003,"name":"Sample","category":1}]}`,
			[]int{900101}, []int{900003}},
		{"null counts as absent", `{"services":null,"sources":null,"directory":null}`,
			[]int{900104, 900103, 900101, 900102, 16}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := search(t, parse(t, tt.file), sample)
			if got := ids(a.Data); !slices.Equal(got, tt.sources) {
				t.Errorf("sources %v, want %v", got, tt.sources)
			}
			for i, id := range tt.services {
				if a.Data[i].Service.ID != id {
					t.Errorf("service %d, want %d", a.Data[i].Service.ID, id)
				}
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if c, err := catalogue.Load(write("good.json", operatorFile), discardLog); err != nil ||
		c.Directory()["huisartslinde"].City != "Utrecht" {
		t.Errorf("%v", err)
	}
	if _, err := catalogue.Load(write("bad.json", `{"sources":[{}]}`), discardLog); err == nil ||
		!strings.Contains(err.Error(), "bad.json: sources[0]") {
		t.Errorf("bad file: %v", err)
	}
	if _, err := catalogue.Load(filepath.Join(folder, "none.json"), discardLog); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	d, err := catalogue.LoadDirectory(write("directory.json", `{"huisartslinde@medmij":{"name":"De Linde"}}`))
	if err != nil || d["huisartslinde"].Name != "De Linde" {
		t.Errorf("directory %v, %v", d, err)
	}
	if _, err := catalogue.LoadDirectory(write("faulty.json", `{"linde":{"name":7}}`)); err == nil ||
		!strings.Contains(err.Error(), `faulty.json: "linde".name is a text`) {
		t.Errorf("faulty directory: %v", err)
	}
}

package catalogue

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

// file is a catalogue's file, checked and put together.
type file struct {
	categories []wire.Category
	countries  []wire.Country
	platforms  []wire.Platform
	services   map[int]Service
	sources    []Source
	directory  Directory
}

// The shapes of a file, as docs/catalogue.md describes them.
type (
	fileJSON struct {
		Categories []rawJSON `json:"categories"`
		Countries  []rawJSON `json:"countries"`
		Platforms  []rawJSON `json:"platforms"`
		Services   []rawJSON `json:"services"`
		Sources    []rawJSON `json:"sources"`
		Directory  rawJSON   `json:"directory"`
	}
	categoryJSON struct {
		ID               int     `json:"id"`
		Name             string  `json:"name"`
		Reference        string  `json:"reference"`
		Title            string  `json:"title"`
		SubTitle         string  `json:"subTitle"`
		ExpandedTitle    string  `json:"expandedTitle"`
		ExpandedSubTitle string  `json:"expandedSubTitle"`
		Logo             string  `json:"logo"`
		JSON             rawJSON `json:"json"`
	}
	countryJSON struct {
		ID   int    `json:"id"`
		Code string `json:"code"`
		Name string `json:"name"`
		Logo string `json:"logo"`
	}
	platformJSON struct {
		ID        int     `json:"id"`
		Name      string  `json:"name"`
		Reference string  `json:"reference"`
		JSON      rawJSON `json:"json"`
	}
	serviceJSON struct {
		ID              int     `json:"id"`
		Name            string  `json:"name"`
		Reference       string  `json:"reference"`
		Category        int     `json:"category"`
		PublishedStatus string  `json:"publishedStatus"`
		PublishedDate   string  `json:"publishedDate"`
		JSON            rawJSON `json:"json"`
	}
	sourceJSON struct {
		ID               int                           `json:"id"`
		Name             string                        `json:"name"`
		Detail           string                        `json:"detail"`
		Reference        string                        `json:"reference"`
		Alias            []string                      `json:"alias"`
		Abbreviation     string                        `json:"abbreviation"`
		MedicalCenter    string                        `json:"medicalCenter"`
		Practitioner     string                        `json:"practitioner"`
		Address          Address                       `json:"address"`
		Service          int                           `json:"service"`
		Countries        []string                      `json:"countries"`
		Platforms        []string                      `json:"platforms"`
		Types            []string                      `json:"types"`
		PublishedStatus  string                        `json:"publishedStatus"`
		PublishedDate    string                        `json:"publishedDate"`
		Logo             string                        `json:"logo"`
		JSON             rawJSON                       `json:"json"`
		Provider         string                        `json:"provider"`
		FHIRVersion      string                        `json:"fhirVersion"`
		DataTypes        []string                      `json:"dataTypes"`
		OrganizationType string                        `json:"organizationType"`
		SampleDataSets   map[string]wire.SampleDataSet `json:"sampleDataSets"`
	}
)

// defaults is the catalogue that ships.
var defaults = sync.OnceValue(func() fileJSON {
	var f fileJSON
	if err := json.Unmarshal(shipped, &f); err != nil {
		panic(fmt.Sprintf("catalogue that ships: %v", err))
	}
	return f
})

// parseFile reads and checks a file. A section that it does not have is that of the
// catalogue that ships.
func parseFile(text []byte) (*file, error) {
	own := fileJSON{}
	k := &checker{}
	if len(text) > 0 {
		if err := wellFormed(text); err != nil {
			return nil, err
		}
		if !k.decode("", text, &own) {
			return nil, k.err()
		}
	}
	d := defaults()
	borrowed := own.Sources == nil
	for _, section := range []struct{ own, shipped *[]rawJSON }{
		{&own.Categories, &d.Categories}, {&own.Countries, &d.Countries}, {&own.Platforms, &d.Platforms},
		{&own.Services, &d.Services}, {&own.Sources, &d.Sources},
	} {
		if *section.own == nil {
			*section.own = *section.shipped
		}
	}
	f := &file{services: map[int]Service{}}
	f.readLists(k, own)
	f.readServices(k, own.Services)
	f.readSources(k, own.Sources, borrowed)
	if len(own.Directory) > 0 {
		f.directory = k.directory("directory", own.Directory)
	}
	if err := k.err(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *file) readLists(k *checker, own fileJSON) {
	k.each("categories", own.Categories, func(at string, raw rawJSON) {
		var c categoryJSON
		if !k.decode(at, raw, &c) {
			return
		}
		k.identify(at, "categories", c.ID, c.Name)
		k.logo(at, c.Logo)
		f.categories = append(f.categories, wire.Category{ID: c.ID, CategoryTypeID: 1, Name: c.Name, Reference: c.Reference, Title: c.Title,
			SubTitle: c.SubTitle, ExpandedTitle: c.ExpandedTitle, ExpandedSubTitle: c.ExpandedSubTitle, Resource: picture(c.Logo), JSON: k.object(at, c.JSON)})
	})
	k.each("countries", own.Countries, func(at string, raw rawJSON) {
		var c countryJSON
		if !k.decode(at, raw, &c) {
			return
		}
		k.identify(at, "countries", c.ID, c.Name)
		k.logo(at, c.Logo)
		if len(c.Code) != 2 || strings.ToLower(c.Code) != c.Code {
			k.wrong(at+".code", "is two small letters, such as nl")
		}
		k.once(at+".code", "countries", c.Code)
		f.countries = append(f.countries, wire.Country{ID: c.ID, Name: c.Name, Code: c.Code, Resource: picture(c.Logo)})
	})
	k.each("platforms", own.Platforms, func(at string, raw rawJSON) {
		var p platformJSON
		if !k.decode(at, raw, &p) {
			return
		}
		k.identify(at, "platforms", p.ID, p.Name)
		k.needs(at+".reference", p.Reference)
		k.once(at+".reference", "platforms", p.Reference)
		f.platforms = append(f.platforms, wire.Platform{ID: p.ID, Name: p.Name, Reference: p.Reference, JSON: k.object(at, p.JSON)})
	})
}

func picture(url string) *wire.Resource {
	if url == "" {
		return nil
	}
	r := resource(url)
	return &r
}

func (f *file) readServices(k *checker, list []rawJSON) {
	k.each("services", list, func(at string, raw rawJSON) {
		var v serviceJSON
		if !k.decode(at, raw, &v) {
			return
		}
		k.identify(at, "services", v.ID, v.Name)
		s := Service{ID: v.ID, Name: v.Name, Reference: v.Reference, Status: k.status(at, v.PublishedStatus),
			Published: k.date(at, v.PublishedDate), JSON: k.object(at, v.JSON)}
		i := slices.IndexFunc(f.categories, func(c wire.Category) bool { return c.ID == v.Category })
		if i < 0 {
			k.wrong(at+".category", "there is no category %d", v.Category)
		} else {
			s.Category = f.categories[i]
		}
		f.services[v.ID] = s
	})
}

// readSources reads the sources. Borrowed ones are those of the catalogue that ships:
// of them those are left out whose service the operator's file does not have.
func (f *file) readSources(k *checker, list []rawJSON, borrowed bool) {
	k.each("sources", list, func(at string, raw rawJSON) {
		var v sourceJSON
		if !k.decode(at, raw, &v) {
			return
		}
		service, ok := f.services[v.Service]
		if !ok && borrowed {
			return
		}
		if !ok {
			k.wrong(at+".service", "there is no service %d", v.Service)
		}
		k.identify(at, "sources", v.ID, v.Name)
		k.logo(at, v.Logo)
		s := Source{
			ID: v.ID, Name: v.Name, Detail: v.Detail, Reference: v.Reference, Alias: v.Alias, Abbreviation: v.Abbreviation,
			MedicalCenter: v.MedicalCenter, Practitioner: v.Practitioner, Address: v.Address, Service: service,
			Status: k.status(at, v.PublishedStatus), Published: k.date(at, v.PublishedDate), Logo: v.Logo, JSON: k.object(at, v.JSON),
			Provider: delivery.ProviderKey(v.Provider), Version: fhir.Version(v.FHIRVersion), DataTypes: v.DataTypes,
			OrganizationType: v.OrganizationType, SampleDataSets: v.SampleDataSets,
		}
		f.place(k, at, &s, v)
		f.connect(k, at, &s, v)
		f.sources = append(f.sources, s)
	})
}

// place finds the countries and platforms that a source names.
func (f *file) place(k *checker, at string, s *Source, v sourceJSON) {
	for i, code := range v.Countries {
		j := slices.IndexFunc(f.countries, func(c wire.Country) bool { return c.Code == code })
		if j < 0 {
			k.wrong(fmt.Sprintf("%s.countries[%d]", at, i), "there is no country %q", code)
			continue
		}
		s.Countries = append(s.Countries, f.countries[j])
	}
	for i, reference := range v.Platforms {
		j := slices.IndexFunc(f.platforms, func(p wire.Platform) bool { return p.Reference == reference })
		if j < 0 {
			k.wrong(fmt.Sprintf("%s.platforms[%d]", at, i), "there is no platform %q", reference)
			continue
		}
		s.Platforms = append(s.Platforms, f.platforms[j])
	}
	if v.Platforms == nil {
		s.Platforms = f.platforms
	}
}

// connect checks what a source says of how it is connected and what for.
func (f *file) connect(k *checker, at string, s *Source, v sourceJSON) {
	for i, t := range v.Types {
		switch t {
		case "pull":
			s.Pull = true
		case "push":
			s.Push = true
		default:
			k.wrong(fmt.Sprintf("%s.types[%d]", at, i), "is pull or push, not %q", t)
		}
	}
	if len(v.Types) == 0 {
		k.wrong(at+".types", "is missing: pull, push, or both")
	}
	if scheme, rest, ok := strings.Cut(v.Provider, ":"); v.Provider != "" && (!ok || scheme == "" || rest == "") {
		k.wrong(at+".provider", "is like smart:clinic, not %q", v.Provider)
	}
	switch s.Version {
	case fhir.STU3, fhir.R4:
	case "":
		if s.Push && s.Provider != "" {
			k.wrong(at+".fhirVersion", "is missing: what is sent there is FHIR %s or %s", string(fhir.STU3), string(fhir.R4))
		}
	default:
		k.wrong(at+".fhirVersion", "is %s or %s, not %q", string(fhir.STU3), string(fhir.R4), v.FHIRVersion)
	}
	for i, t := range v.DataTypes {
		if !slices.Contains(DataTypes, t) {
			k.wrong(fmt.Sprintf("%s.dataTypes[%d]", at, i), "there is no data type %q", t)
		}
	}
	if t := v.OrganizationType; t != "" && !slices.Contains(OrganizationTypes, t) {
		k.wrong(at+".organizationType", "there is no organisation type %q", t)
	}
	if s.Status == wire.SampleDataOnly && len(v.SampleDataSets) == 0 {
		k.wrong(at+".sampleDataSets", "is missing: without one the source cannot be connected")
	}
	for id := range v.SampleDataSets {
		if !wire.ValidName(id) {
			k.wrong(at+".sampleDataSets", "the id %q is not of letters, digits, points, dashes and underscores", id)
		}
	}
	var said struct {
		Authorisation struct {
			Type string `json:"type"`
		} `json:"authorisation"`
	}
	if len(s.JSON) == 0 {
		return
	}
	if err := json.Unmarshal(s.JSON, &said); err != nil || !slices.Contains([]string{"", "saas", "sdk", "none"}, said.Authorisation.Type) {
		k.wrong(at+".json.authorisation.type", "is saas, sdk or none")
	}
}

// date reads a day, or a moment.
func (k *checker) date(at, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	k.wrong(at+".publishedDate", "is a day like 2026-11-24, not %q", text)
	return time.Time{}
}

// status reads a status; approved unless said otherwise.
func (k *checker) status(at, text string) wire.PublishedStatus {
	if text == "" {
		return wire.Approved
	}
	if !slices.Contains(wire.Statuses, wire.PublishedStatus(text)) {
		k.wrong(at+".publishedStatus", "there is no status %q", text)
	}
	return wire.PublishedStatus(text)
}

package catalogue

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/sampledata"
)

// file is the content of a catalogue's file. It has been checked, and names are replaced
// by what they refer to.
type file struct {
	categories []wire.Category
	countries  []wire.Country
	platforms  []wire.Platform
	services   map[int]Service
	sources    []Source
	directory  Directory
}

// The types of a file, as docs/catalogue.md describes them.
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
		ID               int               `json:"id"`
		Name             string            `json:"name"`
		Names            map[string]string `json:"names"`
		Detail           string            `json:"detail"`
		Reference        string            `json:"reference"`
		Alias            []string          `json:"alias"`
		Abbreviation     string            `json:"abbreviation"`
		MedicalCenter    string            `json:"medicalCenter"`
		Practitioner     string            `json:"practitioner"`
		Address          Address           `json:"address"`
		Service          int               `json:"service"`
		Countries        []string          `json:"countries"`
		Platforms        []string          `json:"platforms"`
		Types            []string          `json:"types"`
		PublishedStatus  string            `json:"publishedStatus"`
		PublishedDate    string            `json:"publishedDate"`
		Logo             string            `json:"logo"`
		JSON             rawJSON           `json:"json"`
		Provider         string            `json:"provider"`
		FHIRVersion      string            `json:"fhirVersion"`
		DataTypes        []string          `json:"dataTypes"`
		OrganizationType string            `json:"organizationType"`
		SampleData       string            `json:"sampleData"`
	}
)

// parseDefaultFile returns the default catalogue.
var parseDefaultFile = sync.OnceValue(func() fileJSON {
	var f fileJSON
	if err := json.Unmarshal(defaultFile, &f); err != nil {
		panic(fmt.Sprintf("default catalogue: %v", err))
	}
	return f
})

// parseFile parses and checks a file. Sections that it does not have are those of the
// default catalogue.
func parseFile(text []byte) (*file, error) {
	own := fileJSON{}
	k := &checker{}
	if len(text) > 0 {
		if err := checkJSON(text); err != nil {
			return nil, err
		}
		if !k.decode("", text, &own) {
			return nil, k.err()
		}
	}
	d := parseDefaultFile()
	isDefault := own.Sources == nil
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
	f.readSources(k, own.Sources, isDefault)
	if len(own.Directory) > 0 {
		f.directory = k.parseDirectory("directory", own.Directory)
	}
	if err := k.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// readLists reads the categories, the countries and the platforms.
func (f *file) readLists(k *checker, own fileJSON) {
	k.eachEntry("categories", own.Categories, func(at string, raw rawJSON) {
		var c categoryJSON
		if !k.decode(at, raw, &c) {
			return
		}
		k.checkIdentity(at, "categories", c.ID, c.Name)
		k.checkLogo(at, c.Logo)
		f.categories = append(f.categories,
			wire.Category{
				ID:               c.ID,
				CategoryTypeID:   1,
				Name:             c.Name,
				Reference:        c.Reference,
				Title:            c.Title,
				SubTitle:         c.SubTitle,
				ExpandedTitle:    c.ExpandedTitle,
				ExpandedSubTitle: c.ExpandedSubTitle,
				Resource:         optionalLogo(c.Logo),
				JSON:             k.parseObject(at, c.JSON),
			})
	})
	k.eachEntry("countries", own.Countries, func(at string, raw rawJSON) {
		var c countryJSON
		if !k.decode(at, raw, &c) {
			return
		}
		k.checkIdentity(at, "countries", c.ID, c.Name)
		k.checkLogo(at, c.Logo)
		if len(c.Code) != 2 || strings.ToLower(c.Code) != c.Code {
			k.addError(at+".code", "is two small letters, such as nl")
		}
		k.requireUnique(at+".code", "countries", c.Code)
		f.countries = append(f.countries,
			wire.Country{ID: c.ID, Name: c.Name, Code: c.Code, Resource: optionalLogo(c.Logo)})
	})
	k.eachEntry("platforms", own.Platforms, func(at string, raw rawJSON) {
		var p platformJSON
		if !k.decode(at, raw, &p) {
			return
		}
		k.checkIdentity(at, "platforms", p.ID, p.Name)
		k.requireText(at+".reference", p.Reference)
		k.requireUnique(at+".reference", "platforms", p.Reference)
		f.platforms = append(f.platforms,
			wire.Platform{ID: p.ID, Name: p.Name, Reference: p.Reference, JSON: k.parseObject(at, p.JSON)})
	})
}

// readServices reads the services. It needs the categories.
func (f *file) readServices(k *checker, list []rawJSON) {
	k.eachEntry("services", list, func(at string, raw rawJSON) {
		var v serviceJSON
		if !k.decode(at, raw, &v) {
			return
		}
		k.checkIdentity(at, "services", v.ID, v.Name)
		s := Service{
			ID:        v.ID,
			Name:      v.Name,
			Reference: v.Reference,
			Status:    k.parseStatus(at, v.PublishedStatus),
			Published: k.parseDate(at, v.PublishedDate),
			JSON:      k.parseObject(at, v.JSON),
		}
		i := slices.IndexFunc(f.categories, func(c wire.Category) bool { return c.ID == v.Category })
		if i < 0 {
			k.addError(at+".category", "there is no category %d", v.Category)
		} else {
			s.Category = f.categories[i]
		}
		f.services[v.ID] = s
	})
}

// readSources reads the sources. If they are those of the default catalogue, it leaves
// out the sources of services that the operator's file does not have.
func (f *file) readSources(k *checker, list []rawJSON, isDefault bool) {
	k.eachEntry("sources", list, func(at string, raw rawJSON) {
		var v sourceJSON
		if !k.decode(at, raw, &v) {
			return
		}
		service, ok := f.services[v.Service]
		if !ok && isDefault {
			return
		}
		if !ok {
			k.addError(at+".service", "there is no service %d", v.Service)
		}
		k.checkIdentity(at, "sources", v.ID, v.Name)
		k.checkNames(at, v.Names)
		k.checkLogo(at, v.Logo)
		s := Source{
			ID:               v.ID,
			Name:             v.Name,
			Names:            v.Names,
			Detail:           v.Detail,
			Reference:        v.Reference,
			Alias:            v.Alias,
			Abbreviation:     v.Abbreviation,
			MedicalCenter:    v.MedicalCenter,
			Practitioner:     v.Practitioner,
			Address:          v.Address,
			Service:          service,
			Status:           k.parseStatus(at, v.PublishedStatus),
			Published:        k.parseDate(at, v.PublishedDate),
			Logo:             v.Logo,
			JSON:             k.parseObject(at, v.JSON),
			Provider:         delivery.ProviderKey(v.Provider),
			Version:          fhir.Version(v.FHIRVersion),
			DataTypes:        v.DataTypes,
			OrganizationType: v.OrganizationType,
			SampleData:       v.SampleData,
		}
		f.readPlaces(k, at, &s, v)
		f.checkConnection(k, at, &s, v)
		f.sources = append(f.sources, s)
	})
}

// readPlaces resolves the countries and platforms that a source names.
func (f *file) readPlaces(k *checker, at string, s *Source, v sourceJSON) {
	for i, code := range v.Countries {
		j := slices.IndexFunc(f.countries, func(c wire.Country) bool { return c.Code == code })
		if j < 0 {
			k.addError(fmt.Sprintf("%s.countries[%d]", at, i), "there is no country %q", code)
			continue
		}
		s.Countries = append(s.Countries, f.countries[j])
	}
	for i, reference := range v.Platforms {
		j := slices.IndexFunc(f.platforms, func(p wire.Platform) bool { return p.Reference == reference })
		if j < 0 {
			k.addError(fmt.Sprintf("%s.platforms[%d]", at, i), "there is no platform %q", reference)
			continue
		}
		s.Platforms = append(s.Platforms, f.platforms[j])
	}
	if v.Platforms == nil {
		s.Platforms = f.platforms
	}
}

// checkConnection checks how a source is connected, and for what.
func (f *file) checkConnection(k *checker, at string, s *Source, v sourceJSON) {
	k.readTypes(at, s, v)
	if scheme, rest, ok := strings.Cut(v.Provider, ":"); v.Provider != "" && (!ok || scheme == "" || rest == "") {
		k.addError(at+".provider", "is like smart:clinic, not %q", v.Provider)
	}
	k.checkVersion(at, s, v)
	for i, t := range v.DataTypes {
		if !slices.Contains(DataTypes, t) {
			k.addError(fmt.Sprintf("%s.dataTypes[%d]", at, i), "there is no data type %q", t)
		}
	}
	if t := v.OrganizationType; t != "" && !slices.Contains(OrganizationTypes, t) {
		k.addError(at+".organizationType", "there is no organisation type %q", t)
	}
	k.checkSampleData(at, s)
	k.checkAuthorisation(at, s.JSON)
}

func (k *checker) readTypes(at string, s *Source, v sourceJSON) {
	for i, t := range v.Types {
		switch t {
		case "pull":
			s.Pull = true
		case "push":
			s.Push = true
		default:
			k.addError(fmt.Sprintf("%s.types[%d]", at, i), "is pull or push, not %q", t)
		}
	}
	if len(v.Types) == 0 {
		k.addError(at+".types", "is missing: pull, push, or both")
	}
}

func (k *checker) checkVersion(at string, s *Source, v sourceJSON) {
	switch s.Version {
	case fhir.STU3, fhir.R4:
	case "":
		if s.Push && s.Provider != "" {
			k.addError(
				at+".fhirVersion",
				"is missing: it must be %s or %s, the version of FHIR that the provider accepts",
				string(fhir.STU3),
				string(fhir.R4),
			)
		}
	default:
		k.addError(at+".fhirVersion", "is %s or %s, not %q", string(fhir.STU3), string(fhir.R4), v.FHIRVersion)
	}
}

func (k *checker) checkSampleData(at string, s *Source) {
	switch collections := sampledata.Collections(); {
	case s.SampleData == "":
		if s.Status == wire.SampleDataOnly {
			k.addError(at+".sampleData", "is missing: without it the source cannot be connected")
		}
	case !slices.Contains(collections, s.SampleData):
		k.addError(at+".sampleData", "is one of %s, not %q", strings.Join(collections, ", "), s.SampleData)
	case !s.Pull:
		k.addError(at+".sampleData", "is only for sources of the type pull")
	}
}

// checkNames checks the translations of a name.
func (k *checker) checkNames(at string, names map[string]string) {
	for _, tag := range slices.Sorted(maps.Keys(names)) {
		if _, err := language.Parse(tag); err != nil {
			k.addError(at+".names", "there is no language %q", tag)
		}
		k.requireText(at+".names."+tag, names[tag])
	}
}

// checkAuthorisation checks the only part of a source's json that clients depend on.
func (k *checker) checkAuthorisation(at string, raw rawJSON) {
	if len(raw) == 0 {
		return
	}
	var v struct {
		Authorisation struct {
			Type string `json:"type"`
		} `json:"authorisation"`
	}
	if err := json.Unmarshal(raw, &v); err != nil ||
		!slices.Contains([]string{"", "saas", "sdk", "none"}, v.Authorisation.Type) {
		k.addError(at+".json.authorisation.type", "is saas, sdk or none")
	}
}

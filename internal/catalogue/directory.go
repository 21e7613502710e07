package catalogue

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Directory describes MedMij's providers, by the provider's name without "@medmij".
// MedMij's own lists have only that name.
type Directory map[string]Provider

// Provider is an entry of a directory. Its fields become those of the provider's sources.
type Provider struct {
	Name             string   `json:"name"`
	Alias            []string `json:"alias"`
	Abbreviation     string   `json:"abbreviation"`
	MedicalCenter    string   `json:"medicalCenter"`
	Practitioner     string   `json:"practitioner"`
	City             string   `json:"city"`
	ZipCode          string   `json:"zipCode"`
	StreetName       string   `json:"streetName"`
	StreetNumber     string   `json:"streetNumber"`
	OrganizationType string   `json:"organizationType"`
	Logo             string   `json:"logo"`
}

// LoadDirectory reads a directory from a file of its own.
func LoadDirectory(path string) (Directory, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read directory: %w", err)
	}
	d, err := ParseDirectory(text)
	if err != nil {
		return nil, fmt.Errorf("directory %s: %w", path, err)
	}
	return d, nil
}

// ParseDirectory parses a directory. The error names each place that is wrong.
func ParseDirectory(text []byte) (Directory, error) {
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	k := &checker{}
	d := k.parseDirectory("", text)
	return d, k.err()
}

// at returns the place of a provider in a file, for errors.
func (d Directory) at(path, provider string) string {
	if path == "" {
		return fmt.Sprintf("%q", provider)
	}
	return fmt.Sprintf("%s[%q]", path, provider)
}

func (k *checker) parseDirectory(path string, raw []byte) Directory {
	entries := map[string]rawJSON{}
	if !k.decode(path, raw, &entries) {
		return nil
	}
	d := Directory{}
	for _, provider := range slices.Sorted(maps.Keys(entries)) {
		at := d.at(path, provider)
		var p Provider
		if !k.decode(at, entries[provider], &p) {
			continue
		}
		name := strings.TrimSuffix(provider, "@medmij")
		if _, ok := d[name]; ok {
			k.addError(at, "the provider is there twice")
		}
		if name == "" || strings.ToLower(name) != name || strings.ContainsAny(name, " @~:") {
			k.addError(at, "the name of a provider is like huisartslinde or test.huisarts.amsterdam")
		}
		if p.Name == "" {
			k.addError(at+".name", "is missing")
		}
		if p.OrganizationType != "" && !slices.Contains(OrganizationTypes, p.OrganizationType) {
			k.addError(at+".organizationType", "there is no organisation type %q", p.OrganizationType)
		}
		k.checkLogo(at, p.Logo)
		d[name] = p
	}
	return d
}

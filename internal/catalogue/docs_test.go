package catalogue_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/sampledata"
)

// The example in the documentation is a valid file, and the documentation has all data
// types and organisation types.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/catalogue.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	_, example, _ := strings.Cut(doc, "```json\n")
	example, _, _ = strings.Cut(example, "```")
	c := parse(t, example)
	if s, err := c.Source(900301); err != nil || !s.Push {
		t.Errorf("%+v, %v", s, err)
	}
	if c.Directory()["huisartslinde"].Name == "" {
		t.Error("no directory")
	}
	for _, word := range append(append([]string{}, catalogue.DataTypes...), catalogue.OrganizationTypes...) {
		if !strings.Contains(doc, "`"+word+"`") {
			t.Errorf("docs/catalogue.md does not have %s", word)
		}
	}
}

// The documentation has the service groups of the default catalogue with their services, and no others.
func TestDocsOfServiceGroups(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/catalogue.md")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Categories, Services []struct {
			ID, Category int
			Name         string
		}
	}
	defaults, err := os.ReadFile("default.json")
	if err == nil {
		err = json.Unmarshal(defaults, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	services := map[int][]string{}
	for _, service := range file.Services {
		services[service.Category] = append(services[service.Category], fmt.Sprint(service.ID, " ", service.Name))
	}
	want := ""
	for _, group := range file.Categories {
		if !strings.Contains(string(docs.OpenAPI), fmt.Sprint(group.ID, " ", group.Name)) {
			t.Errorf("docs/openapi.json does not have the group %d %s", group.ID, group.Name)
		}
		want += fmt.Sprintf("| %d | %s | %s |\n", group.ID, group.Name, strings.Join(services[group.ID], ", "))
	}
	if !strings.Contains(string(text), "\n|---|---|---|\n"+want+"\n") {
		t.Errorf("docs/catalogue.md does not have the table\n%s", want)
	}
}

// The documentation has all collections of sample data with their types of objects, and all sets.
func TestDocsOfSampleData(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/catalogue.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Sample data\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, collection := range sampledata.Collections() {
		_, row, found := strings.Cut(section, "\n| `"+collection+"` | ")
		row, _, _ = strings.Cut(row, "\n")
		for _, set := range sampledata.Sets(collection) {
			for _, o := range set.ObjectTypes() {
				if !strings.Contains(row, fmt.Sprintf(" %s %d", o.Name, o.ID)) {
					t.Errorf("the row of %s, which is there: %v, does not have the type %+v", collection, found, o)
				}
			}
			if !strings.Contains(section, "\n| `"+set.ID+"` | ") {
				t.Errorf("docs/catalogue.md does not have the set %s", set.ID)
			}
		}
	}
}

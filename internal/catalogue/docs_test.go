package catalogue_test

import (
	"os"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/catalogue"
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

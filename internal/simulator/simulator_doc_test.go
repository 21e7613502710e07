package simulator

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// docs/simulator.md has each behaviour and each provider.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "simulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Concat(modeNames(AuthorizeModes, "ask"), modeNames(BadEndpoints, ""),
		slices.Collect(maps.Keys(behaviourFields)))
	for _, m := range TokenModes[:len(TokenModes)-10] {
		words = append(words, string(m))
	}
	for _, m := range ResourceModes {
		if !regexp.MustCompile(`^\d+$`).MatchString(string(m)) {
			words = append(words, string(m))
		}
	}
	for _, p := range sampleProviders() {
		words = append(words, p.name)
	}
	for _, w := range words {
		if w != "" && !strings.Contains(string(page), "`"+w+"`") {
			t.Errorf("docs/simulator.md does not mention %s", w)
		}
	}
}

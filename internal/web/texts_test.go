package web_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func readCatalogue(t *testing.T, language string) map[string]string {
	t.Helper()
	data, err := os.ReadFile("ui/texts/" + language + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var catalogue map[string]string
	if err := json.Unmarshal(data, &catalogue); err != nil {
		t.Fatal(err)
	}
	return catalogue
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found) // a language may say a name twice
}

// TestLanguagesSayTheSame holds the languages to the same keys, placeholders and
// links.
func TestLanguagesSayTheSame(t *testing.T) {
	english, dutch := readCatalogue(t, "en"), readCatalogue(t, "nl")
	for key, text := range english {
		other, ok := dutch[key]
		if !ok {
			t.Errorf("no Dutch for %s", key)
			continue
		}
		want, got := placeholders(text), placeholders(other)
		if !slices.Equal(want, got) || strings.Count(text, "[") != strings.Count(other, "[") {
			t.Errorf("%s has %v in English, %v in Dutch", key, want, got)
		}
		if strings.TrimSpace(other) == "" || strings.Contains(text+other, "!") {
			t.Errorf("%s is empty, or raises its voice", key)
		}
	}
	for key := range dutch {
		if _, ok := english[key]; !ok {
			t.Errorf("no English for %s", key)
		}
	}
}

var keyLiteral = regexp.MustCompile(`"([a-z_]+(?:\.[a-z0-9_]+)+)"`)

// variants are what a key may be put together with.
var variants = []string{".one", ".other", ".h1", ".text"}

// TestKeysAreUsed finds texts that nobody says, and what is said without a text.
func TestKeysAreUsed(t *testing.T) {
	catalogue := readCatalogue(t, "en")
	said := map[string]bool{}
	patterns := []string{
		"ui/*.go", "signin/*.go", "onboarding/*.go", "account/*.go", "reference/*.go", "*/templates/*.html",
	}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range keyLiteral.FindAllStringSubmatch(string(data), -1) {
				if !assetName.MatchString(match[1]) {
					said[match[1]] = true
				}
			}
		}
	}
	for key := range catalogue {
		used := said[key]
		for _, variant := range variants {
			if base, ok := strings.CutSuffix(key, variant); ok && said[base] {
				used = true
			}
		}
		if !used {
			t.Errorf("nobody says %s", key)
		}
	}
	for key := range said {
		_, ok := catalogue[key]
		for _, variant := range variants {
			if _, there := catalogue[key+variant]; there {
				ok = true
			}
		}
		if !ok {
			t.Errorf("no text for %s", key)
		}
	}
}

var assetName = regexp.MustCompile(`\.(css|js|svg)$`)

package simulator

import (
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLanguage(t *testing.T) {
	for _, tt := range [][3]string{{"", "", "en"}, {"", "nl-NL,en;q=0.5", "nl"}, {"", "de, nl;q=0.5", "nl"},
		{"en", "nl", "en"}, {"nl", "en", "nl"}, {"xx", "nl", "nl"}, {"", "fr", "en"}} {
		r, err := http.NewRequest(http.MethodGet, "/?lng="+tt[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Language", tt[1])
		if got := textsFor(r).Lang; got != tt[2] {
			t.Errorf("lng %q, Accept-Language %q: %s, want %s", tt[0], tt[1], got, tt[2])
		}
	}
}

// Both languages have the same keys and placeholders, and every text is used.
func TestTexts(t *testing.T) {
	en, nl := languages["en"], languages["nl"]
	if !slices.Equal(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(nl))) {
		t.Error("the languages have different keys")
	}
	gap := regexp.MustCompile(`\{\w+\}`)
	var source strings.Builder
	for _, pattern := range []string{"templates/*.html"} {
		names, err := fs.Glob(files, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := files.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	inCode := []string{"sim.send.h1", "sim.send.lead", "sim.collect.h1", "sim.collect.lead", "sim.home.h1"}
	for _, end := range []string{"sim.nowhere", "sim.unknown", "sim.never", "sim.over"} {
		inCode = append(inCode, end+".h1", end+".text")
	}
	for key, text := range en {
		if !slices.Equal(slices.Sorted(slices.Values(gap.FindAllString(text, -1))),
			slices.Sorted(slices.Values(gap.FindAllString(nl[key], -1)))) {
			t.Errorf("%s has other placeholders in Dutch", key)
		}
		if !strings.Contains(source.String(), `"`+key+`"`) && !slices.Contains(inCode, key) {
			t.Errorf("%s is not used", key)
		}
	}
	for _, found := range regexp.MustCompile(`\.T "([a-z_.]+)"`).FindAllStringSubmatch(source.String(), -1) {
		if en[found[1]] == "" {
			t.Errorf("there is no text %s", found[1])
		}
	}
}

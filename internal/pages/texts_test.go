package pages

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

func readCatalogue(t *testing.T, language string) map[string]string {
	t.Helper()
	data, err := os.ReadFile("texts/" + language + ".json")
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
	for _, pattern := range []string{"*.go", "templates/*.html"} {
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

// TestEveryFaultHasTexts looks at what is put together from two parts.
func TestEveryFaultHasTexts(t *testing.T) {
	texts := readCatalogue(t, "en")
	for _, f := range []fault{faultLinkExpired, faultLinkUsed, faultLinkBad, faultRequest, faultContractEnded, faultWrongPerson,
		faultAccount, faultReturned, faultForm, faultCookies, faultNotFound, faultBusy, faultServer} {
		for _, part := range []string{".h1", ".text"} {
			if texts[f.key+part] == "" {
				t.Errorf("no %s%s", f.key, part)
			}
		}
	}
	for _, f := range []library.PasswordProblem{library.PasswordShort, library.PasswordCommon, library.PasswordIsEmail} {
		if passwordFaults[f] == "" {
			t.Errorf("no text for a password that is %s", f)
		}
	}
	for _, kind := range catalogue.OrganizationTypes {
		if organizationTexts[kind] == "" {
			t.Errorf("no text for an organisation that is %s", kind)
		}
	}
	for _, state := range []delivery.State{delivery.Waiting, delivery.Posting, delivery.Delivered, delivery.Refused,
		delivery.Unknown, delivery.Expired, delivery.Reconnect} {
		if deliveryStates[state].text == "" {
			t.Errorf("no text for a delivery that is %s", state)
		}
	}
	for _, key := range slices.Concat(slices.Collect(maps.Values(eventTexts)), slices.Collect(maps.Values(organizationTexts)),
		slices.Collect(maps.Values(dataTexts)), slices.Collect(maps.Values(refusalTexts)), notices) {
		if texts[key] == "" {
			t.Errorf("no %s", key)
		}
	}
}

func TestSay(t *testing.T) {
	texts := &texts{Code: "en", messages: map[string][]piece{
		"a": parseMessage("{app} read the file [{file} of {day}], or [another]."),
	}}
	pieces := texts.say("a", "app", marked{"Clinic", mark{Bold: true}}, "file", "blood", "day", "today",
		"link", marked{"", mark{Href: "/files/1"}}, "link2", marked{"", mark{Href: "/files"}})
	var got []string
	for _, p := range pieces {
		s := p.Text
		if p.Href != "" {
			s += "→" + p.Href
		}
		if p.Bold {
			s = "*" + s + "*"
		}
		got = append(got, s)
	}
	want := "*Clinic*| read the file |blood of today→/files/1|, or |another→/files|."
	if strings.Join(got, "|") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "|"), want)
	}
	if got := texts.text("a", "app", "<b>", "file", "f", "day", "d"); got != "<b> read the file f of d, or another." {
		t.Errorf("text %q", got)
	}
}

func TestFormats(t *testing.T) {
	l := loadLanguages()
	english, dutch := formatter{l.all[0], time.UTC}, formatter{l.all[1], time.UTC}
	at := time.Date(2026, 3, 4, 9, 5, 0, 0, time.UTC)
	for _, tt := range []struct{ got, want string }{
		{english.date(at), "4 March 2026"},
		{dutch.date(at), "4 maart 2026"},
		{english.when(at, at.Add(time.Hour)).Text, "Today, 09:05"},
		{dutch.when(at, at.Add(24*time.Hour)).Text, "Gisteren, 09:05"},
		{dutch.when(at, at.Add(48*time.Hour)).Text, "4 maart 2026"},
		{english.heading(at, at), "Today, 4 March"},
		{english.heading(at, at.AddDate(1, 0, 0)), "4 March 2026"},
		{english.size(0), "0 bytes"},
		{english.size(999), "999 bytes"},
		{english.size(182_400), "182 KB"},
		{english.size(6_000), "6 KB"},
		{english.size(999_600), "1.0 MB"},
		{english.size(4_100_000), "4.1 MB"},
		{dutch.size(4_100_000), "4,1 MB"},
		{dutch.size(12_345_678_901), "12 GB"},
		{l.all[0].number(1234), "1,234"},
		{l.all[1].number(1234), "1.234"},
		{(formatter{l.all[0], time.FixedZone("", -10*3600)}).date(at), "3 March 2026"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

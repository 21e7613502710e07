package simulator

import (
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// post posts a form of the home page.
func (n *testClient) postSwitch(form url.Values) testResponse {
	n.Helper()
	r, err := http.NewRequest(http.MethodPost, n.s.FrontURL()+"/switches", strings.NewReader(form.Encode()))
	if err != nil {
		n.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return n.mustRespond(n.do(r))
}

func TestHomeShowsWhatArrived(t *testing.T) {
	n := startSimulator(t)
	if got := n.get(n.s.FrontURL() + "/"); !strings.Contains(string(got.body), "Nothing arrived yet.") || !strings.Contains(string(got.body), "No rule was broken.") {
		t.Errorf("%s", got.body)
	}
	c := n.connect("huisartslinde", "53")
	odd := pressure("run")
	odd["comment"] = "<script>alert(1)</script>"
	delete(odd, "meta")
	c.send(http.MethodPost, "/Observation", odd)
	got := n.get(n.s.FrontURL() + "/?lng=nl")
	for _, text := range []string{"Blood pressure 120/80 mmHg", "Huisartsenpraktijk De Linde", "Practice patient", "meta.profile", "1 maart 2026", `lang="nl"`,
		"Dit is een oefen-zorgaanbieder. Die is niet echt.", `data-testid="sim-arrived-1"`} {
		if !strings.Contains(string(got.body), text) {
			t.Errorf("the page does not hold %q", text)
		}
	}
	if strings.Contains(string(got.body), "<script") || strings.Contains(string(got.body), c.access) {
		t.Error("the page holds a script or a token")
	}
	if csp := got.header.Get("Content-Security-Policy"); csp != cspPolicy("'self'") {
		t.Errorf("policy %q", csp)
	}
	if got := n.get(n.s.FrontURL() + "/style.css"); got.status != http.StatusOK || got.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style: %d", got.status)
	}
}

func TestSwitches(t *testing.T) {
	n := startSimulator(t)
	c := n.connect("balanspunt", "53")
	n.s.SetBehaviour("balanspunt", Behaviour{Late: 7})
	got := n.postSwitch(url.Values{"do": {"behave"}, "provider": {"balanspunt"}, "authorize": {"approve"}, "token": {"right"}, "resource": {"429"},
		"resourceTimes": {"2"}, "endpoints": {"right"}, "refreshTokens": {"on"}, "lng": {"nl"}})
	if want := (Behaviour{Authorize: AuthorizeApprove, Resource: ResourceBusy, ResourceTimes: 2, RefreshTokens: true, Late: 7}); got.status != http.StatusSeeOther ||
		got.header.Get("Location") != "/?lng=nl" || n.s.Behaviour("balanspunt") != want {
		t.Errorf("%d %q, %+v", got.status, got.header.Get("Location"), n.s.Behaviour("balanspunt"))
	}
	if page := string(n.get(n.s.FrontURL() + "/").body); strings.Count(page, "<option selected>429</option>") != 1 {
		t.Error("the page does not show how it is switched")
	}
	n.postSwitch(url.Values{"do": {"lists"}, "release": {"3"}, "fault": {"invalid"}})
	if list := string(n.get(listURL(n, ListProviders)).body); !strings.Contains(list, "release3/") || !strings.Contains(list, "Tijdstip") {
		t.Errorf("%s", list)
	}
	before := n.s.Volgnummer(ListWhitelist)
	n.postSwitch(url.Values{"do": {"publish"}})
	if n.s.Volgnummer(ListWhitelist) != before+1 {
		t.Error("nothing was published")
	}
	n.postSwitch(url.Values{"do": {"down"}, "down": {"on"}})
	if !n.s.isDown() {
		t.Error("is not down")
	}
	n.postSwitch(url.Values{"do": {"down"}})
	n.postSwitch(url.Values{"do": {"revoke"}, "provider": {"balanspunt"}})
	if got := c.send(http.MethodGet, "/Observation", nil); got.status != http.StatusUnauthorized {
		t.Errorf("after taking back: %d", got.status)
	}
	for _, bad := range []url.Values{{}, {"do": {"behave"}, "provider": {"nobody"}}, {"do": {"behave"}, "provider": {"balanspunt"}, "resource": {"nonsense"}},
		{"do": {"lists"}, "release": {"4"}}, {"do": {"lists"}, "release": {"2"}, "fault": {"x"}}} {
		if got := n.postSwitch(bad); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", bad, got.status)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, tt := range [][3]string{{"", "", "en"}, {"", "nl-NL,en;q=0.5", "nl"}, {"", "de, nl;q=0.5", "nl"}, {"en", "nl", "en"}, {"nl", "en", "nl"}, {"xx", "nl", "nl"}, {"", "fr", "en"}} {
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

// Both languages have the same texts with the same gaps, and every text is used.
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
		if !slices.Equal(slices.Sorted(slices.Values(gap.FindAllString(text, -1))), slices.Sorted(slices.Values(gap.FindAllString(nl[key], -1)))) {
			t.Errorf("%s has other gaps in Dutch", key)
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

func TestSummary(t *testing.T) {
	for want, e := range map[string]element{
		"Blood pressure 120/80 mmHg": pressure("run"),
		"Body weight 80.50 kg":       mustDecode(t, `{"resourceType":"Observation","code":{"coding":[{"display":"Body weight"}]},"valueQuantity":{"value":80.50,"unit":"kg"}}`),
		"Observation":                {"resourceType": "Observation"},
		"Condition":                  {"resourceType": "Condition", "code": "odd"},
		"Document":                   {"resourceType": "DocumentReference"},
		"Smoking never":              {"resourceType": "Observation", "code": element{"text": "Smoking"}, "valueString": "never"},
		"":                           {"resourceType": "Patient"},
	} {
		if got := summarize(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func mustDecode(t *testing.T, text string) element {
	t.Helper()
	e, err := decodeObject([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever a stranger sends is read or refused, never worse.
func FuzzBody(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Observation"},"request":{"method":"POST","url":"Observation"}}]}`))
	f.Add([]byte(`{"resourceType":"Observation","identifier":{"value":1},"code":{"coding":[null]},"component":[1]}`))
	f.Add([]byte(`{"entry":[{"resource":{"identifier":[{"system":"urn:carrel:run","value":"1"}]}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := decodeObject(body)
		if err != nil {
			return
		}
		summarize(e)
		identifiers(e)
		carriesBSN(e)
		hasProfile(e)
		hasUnknownReference(e, map[string]string{})
		resolveReferences(e, map[string]string{"urn:uuid:1": "Patient/1"})
		indentJSON(body)
	})
}

// Every switch and every rule is documented.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "simulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := slices.Concat(modeNames(AuthorizeModes, "ask"), modeNames(BadEndpoints, ""), slices.Collect(maps.Keys(behaviourFields)))
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

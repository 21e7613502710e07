package simulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// postSwitch posts a form of the home page.
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
	t.Parallel()
	n := startSimulator(t)
	if got := n.get(n.s.FrontURL() + "/"); !strings.Contains(string(got.body), "Nothing arrived yet.") ||
		!strings.Contains(string(got.body), "No rule was broken.") {
		t.Errorf("%s", got.body)
	}
	c := n.connect("huisartslinde", "53")
	odd := pressure("run")
	odd["comment"] = "<script>alert(1)</script>"
	delete(odd, "meta")
	c.send(http.MethodPost, "/Observation", odd)
	got := n.get(n.s.FrontURL() + "/?lng=nl")
	for _, text := range []string{"Blood pressure 120/80 mmHg", "Huisartsenpraktijk De Linde", "Practice patient",
		"meta.profile", "1 maart 2026", `lang="nl"`,
		"Dit is een oefen-zorgaanbieder. Die is niet echt.", `data-testid="sim-arrived-1"`} {
		if !strings.Contains(string(got.body), text) {
			t.Errorf("the page does not contain %q", text)
		}
	}
	if strings.Contains(string(got.body), "<script") || strings.Contains(string(got.body), c.access) {
		t.Error("the page contains a script or a token")
	}
	if csp := got.header.Get("Content-Security-Policy"); csp != cspPolicy("'self'") {
		t.Errorf("policy %q", csp)
	}
	if got := n.get(n.s.FrontURL() + "/style.css"); got.status != http.StatusOK ||
		got.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("style: %d", got.status)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("balanspunt", "53")
	n.s.SetBehaviour("balanspunt", Behaviour{Late: 7})
	got := n.postSwitch(url.Values{"do": {"behave"}, "provider": {"balanspunt"}, "authorize": {"approve"},
		"token": {"right"}, "resource": {"429"},
		"resourceTimes": {"2"}, "endpoints": {"right"}, "refreshTokens": {"on"}, "lng": {"nl"}})
	if want := (Behaviour{Authorize: AuthorizeApprove, Resource: ResourceBusy, ResourceTimes: 2, RefreshTokens: true,
		Late: 7}); got.status != http.StatusSeeOther ||
		got.header.Get("Location") != "/?lng=nl" || n.s.Behaviour("balanspunt") != want {
		t.Errorf("%d %q, %+v", got.status, got.header.Get("Location"), n.s.Behaviour("balanspunt"))
	}
	if page := string(n.get(n.s.FrontURL() + "/").body); strings.Count(page, "<option selected>429</option>") != 1 {
		t.Error("the page does not show the current mode")
	}
	n.postSwitch(url.Values{"do": {"lists"}, "release": {"3"}, "fault": {"invalid"}})
	if list := string(n.get(listURL(n, ListProviders)).body); !strings.Contains(list, "release3/") ||
		!strings.Contains(list, "Tijdstip") {
		t.Errorf("%s", list)
	}
	before := n.s.Lists.Number(ListWhitelist)
	n.postSwitch(url.Values{"do": {"publish"}})
	if n.s.Lists.Number(ListWhitelist) != before+1 {
		t.Error("the lists were not published")
	}
	n.postSwitch(url.Values{"do": {"down"}, "down": {"on"}})
	if !n.s.backListener.isDown() {
		t.Error("the backchannel is not down")
	}
	n.postSwitch(url.Values{"do": {"down"}})
	n.postSwitch(url.Values{"do": {"revoke"}, "provider": {"balanspunt"}})
	if got := c.send(http.MethodGet, "/Observation", nil); got.status != http.StatusUnauthorized {
		t.Errorf("after the revocation: %d", got.status)
	}
	for _, bad := range []url.Values{{}, {"do": {"behave"}, "provider": {"nobody"}},
		{"do": {"behave"}, "provider": {"balanspunt"}, "resource": {"nonsense"}},
		{"do": {"lists"}, "release": {"4"}}, {"do": {"lists"}, "release": {"2"}, "fault": {"x"}}} {
		if got := n.postSwitch(bad); got.status != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", bad, got.status)
		}
	}
}

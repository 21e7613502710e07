package simulator

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// postDecision posts the form of the consent page as a browser does.
func (n *testClient) postDecision(run string, form url.Values) testResponse {
	n.Helper()
	r, err := http.NewRequest(http.MethodPost, n.s.FrontURL()+"/runs/"+run, strings.NewReader(form.Encode()))
	if err != nil {
		n.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", n.s.FrontURL())
	return n.mustRespond(n.do(r))
}

// openConsentPage opens the page and returns the id of the authorization.
func (n *testClient) openConsentPage(q url.Values) (run string, page testResponse) {
	n.Helper()
	page = n.get(n.service("huisartslinde", "53").AuthorizeURL + "?" + q.Encode())
	_, rest, ok := strings.Cut(string(page.body), `action="/runs/`)
	run, _, _ = strings.Cut(rest, `"`)
	if !ok || page.status != http.StatusOK {
		n.Fatalf("%d: %s", page.status, page.body)
	}
	return run, page
}

// A person approves or refuses, and can do so only once. The response to a refusal is the same as
// that of a provider that has no data.
func TestPersonDecides(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	q := authorizationParams("huisartslinde", "53")
	run, page := n.openConsentPage(q)
	if got := page.header.Get("Content-Security-Policy"); !strings.HasSuffix(got,
		"form-action 'self' https://carrel.example") || !strings.HasPrefix(got, "default-src 'none'") {
		t.Errorf("policy %q", got)
	}
	if got := n.get(n.s.FrontURL() + "/runs/" + run + "?lng=nl"); !strings.Contains(string(got.body),
		"Naam van de oefenpatiënt") || !strings.Contains(string(got.body), `lang="nl"`) {
		t.Errorf("in Dutch: %s", got.body)
	}
	if got := n.postDecision(run, url.Values{"decision": {"perhaps"}}); got.status != http.StatusOK {
		t.Errorf("neither approved nor refused: %d", got.status)
	}
	got := n.postDecision(run, url.Values{"decision": {"approve"}, "patient": {"  Anna  "}})
	back, err := url.Parse(got.header.Get("Location"))
	if err != nil || got.status != http.StatusSeeOther || back.Query().Get("state") != q.Get("state") ||
		back.Query().Get("code") == "" {
		t.Fatalf("approved: %d, %q", got.status, got.header.Get("Location"))
	}
	if twice := n.postDecision(run, url.Values{"decision": {"approve"}}); twice.status != http.StatusSeeOther ||
		twice.header.Get("Location") != got.header.Get("Location") {
		t.Errorf("approved twice: %d, %q", twice.status, twice.header.Get("Location"))
	}

	var answers []string
	for _, mode := range []AuthorizeMode{AuthorizeAsk, AuthorizeNoData, AuthorizeRefuse} {
		n.s.SetBehaviour("huisartslinde", Behaviour{Authorize: mode})
		q := authorizationParams("huisartslinde", "53")
		var where string
		switch mode {
		case AuthorizeRefuse:
			where = n.get(n.service("huisartslinde", "53").AuthorizeURL + "?" + q.Encode()).header.Get("Location")
		default:
			run, _ := n.openConsentPage(q)
			decision := map[AuthorizeMode]string{AuthorizeAsk: "deny", AuthorizeNoData: "approve"}[mode]
			where = n.postDecision(run, url.Values{"decision": {decision}}).header.Get("Location")
		}
		answers = append(answers, strings.ReplaceAll(where, q.Get("state"), "STATE"))
	}
	if answers[0] == "" || answers[0] != answers[1] || answers[1] != answers[2] {
		t.Errorf("the responses to a refusal and of a provider without data differ: %q", answers)
	}

	n.s.SetBehaviour("", Behaviour{})
	run, _ = n.openConsentPage(authorizationParams("huisartslinde", "53"))
	n.clock.advance(defaultCodeLife)
	if got := n.postDecision(run, url.Values{"decision": {"approve"}}); got.status != http.StatusGone {
		t.Errorf("after a quarter of an hour: %d", got.status)
	}
	n.assertNoViolations()
}

// Forms of other sites are refused.
func TestForeignFormsAreRefused(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	for _, path := range []string{"/switches", "/runs/any"} {
		r, err := http.NewRequest(http.MethodPost, n.s.FrontURL()+path, strings.NewReader("do=publish"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://elsewhere.example")
		if got := n.mustRespond(n.do(r)); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

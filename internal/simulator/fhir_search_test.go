package simulator

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A search returns pages, each with a link to the next one.
func TestSearchHasPages(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connectToCollect()
	path, seen, pages := "/Observation?_count=2", 0, 0
	base := n.service("apotheekdebrug", "48").ResourceURL
	for path != "" && pages < 10 {
		got := c.send(http.MethodGet, path, nil)
		var page struct {
			Total int
			Link  []struct{ Relation, URL string }
			Entry []json.RawMessage
		}
		if err := json.Unmarshal(got.body, &page); err != nil || page.Total != 5 {
			t.Fatalf("%d %s", got.status, got.body)
		}
		seen, pages, path = seen+len(page.Entry), pages+1, ""
		for _, l := range page.Link {
			if l.Relation == "next" {
				path = strings.TrimPrefix(l.URL, base)
			}
		}
	}
	if seen != 5 || pages != 3 {
		t.Errorf("%d in %d pages", seen, pages)
	}
	if got := c.send(http.MethodGet, "/Observation?code=http://loinc.org%7C1", nil); got.status != 200 ||
		strings.Contains(string(got.body), `"entry"`) {
		t.Errorf("another code: %s", got.body)
	}
	if got := c.send(http.MethodPost, "",
		bundleOf("batch", element{"request": element{"method": "GET", "url": "Observation?_count=1"}},
			element{"request": element{"method": "GET", "url": "Patient/patient"}})); strings.Count(string(got.body),
		`"200 OK"`) != 2 {
		t.Errorf("a batch that searches and reads: %s", got.body)
	}
	n.assertNoViolations()
}

// connectToCollect connects to the pharmacy, which is for collecting.
func (n *testClient) connectToCollect() session {
	n.Helper()
	n.s.SetBehaviour("apotheekdebrug", Behaviour{Authorize: AuthorizeApprove})
	q := authorizationParams("apotheekdebrug", "48")
	q.Set("scope", "apotheekdebrug")
	code := n.authorize("apotheekdebrug", "48", q).Get("code")
	a, _ := decodeToken(n.T,
		n.mustRespond(n.do(n.newTokenRequest("apotheekdebrug", "48", q.Get(correlationID), tokenRequest(code)))))
	return session{n, "apotheekdebrug", "48", q.Get(correlationID), a.AccessToken, ""}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	r := c.request(http.MethodGet, "/metadata", nil)
	r.Header.Del("Authorization")
	got := n.mustRespond(n.do(r))
	var m struct {
		ResourceType, FHIRVersion string
		Rest                      []struct {
			Resource    []struct{ Type string }
			Interaction []struct{ Code string }
		}
	}
	if err := json.Unmarshal(got.body, &m); err != nil || m.ResourceType != "CapabilityStatement" ||
		m.FHIRVersion != "3.0.2" ||
		len(m.Rest[0].Resource) != 2 || len(m.Rest[0].Interaction) != 2 {
		t.Errorf("%d %v %s", got.status, err, got.body)
	}
	n.assertNoViolations()
}

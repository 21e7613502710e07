package api_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/api"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/catalogue"
	"github.com/carrelhq/carrel/internal/sampledata"
	"github.com/carrelhq/carrel/internal/server"
)

// withCatalogue gives the server a catalogue with two sources.
func withCatalogue(t testing.TB) func(*server.Config) {
	path := filepath.Join(t.TempDir(), "catalogue.json")
	err := os.WriteFile(path, []byte(`{"sources":[
		{"id":900201,"name":"Élan Ziekenhuis","reference":"elan","service":900002,"types":["pull","push"],
			"provider":"fhir:elan","fhirVersion":"3.0"},
		{"id":900206,"name":"Sample","reference":"sample","service":900002,"types":["pull"],
			"publishedStatus":"sampledataonly","sampleData":"finance"}
	]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Catalogue = path }
}

// Contracts of both kinds may look, with a body, an empty one or none, for nobody.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCatalogue(t))
	for _, c := range []*carreltest.Contract{w.read, w.write} {
		for _, call := range []struct{ name, has string }{
			{"sources", `{"data":[{"id":900201,"name":"Élan Ziekenhuis",`},
			{"categories", `"name":"Medical"`}, {"countries", `"code":"nl"`}, {"platforms",
				`"reference":"web"`}, {"sourceTypes", `"reference":"push"`},
		} {
			for _, r := range []request{
				post("discovery/"+call.name, w.bearer(c, nil), `{}`),
				post("discovery/"+call.name, w.bearer(c, nil), ``),
				{method: "POST", path: "discovery/" + call.name, bearer: w.bearer(c, nil)},
			} {
				if a := w.mustSend(t, r, nil); !strings.Contains(string(a.body), call.has) ||
					a.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s: %s %s", call.name, a.Header.Get("Content-Type"), a.body)
				}
			}
		}
		for source, want := range map[string]int{"900206": len(sampledata.Sets("finance")), "900201": 0} {
			var sets map[string]wire.SampleDataSet
			w.mustSend(t, get("permission-access/sample/datasets/"+source, w.bearer(c, nil)), &sets)
			if len(sets) != want || sets == nil {
				t.Errorf("sample data sets of %s: %v", source, sets)
			}
			for id, s := range sets {
				if _, ok := sampledata.Find("finance", id); !ok || s.Name == "" || s.Description == "" {
					t.Errorf("sample data set %s: %+v", id, s)
				}
			}
		}
	}
	var found wire.SourcesAnswer
	w.mustSend(t, post(
		"discovery/sources",
		w.bearer(w.write, nil),
		`{"limit":5,"query":{"queryString":"elan","include":["id"],`+
			`"filter":{"type":{"id":[2]},"publishedStatus":["approved"]}}}`,
	), &found)
	if found.Total != 1 || found.Limit != 5 || len(found.Data) != 1 || found.Data[0].Reference != "" {
		t.Errorf("%+v", found)
	}
}

func TestDiscoveryRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withCatalogue(t))
	const noBody = "the body is not the JSON that this call takes: byte 1: unexpected end of JSON input"
	const notNumbers = " is not a list of whole numbers"
	const statuses = "a list of approved, pending, deprecated, blocked, sampledataonly"
	for body, want := range map[string]string{
		`[`:                                  noBody,
		`[]`:                                 "the body is not a JSON object",
		`{"limit":0}`:                        "limit is not a whole number from 1 to 1000",
		`{"limit":"5"}`:                      "limit is not a whole number from 1 to 1000",
		`{"limit":1001}`:                     "limit is not a whole number from 1 to 1000",
		`{"limit":1.5}`:                      "limit is not a whole number from 1 to 1000",
		`{"offset":-1}`:                      "offset is not a whole number from 0 to 1073741824",
		`{"sort":{"name":1}}`:                "sort.name is not asc or desc",
		`{"sort":"name"}`:                    "sort is not an object",
		`{"query":7}`:                        "query is not an object",
		`{"query":{"filter":{"id":["1"]}}}`:  "query.filter.id[0] is not a whole number",
		`{"query":{"filter":{"id":[null]}}}`: "query.filter.id[0] is not a whole number",
		`{"query":{"filter":{"id":"1"}}}`:    "query.filter.id is not a list of whole numbers",
		`{"query":{"filter":{"service":{"id":{"id":true}}}}}`: "query.filter.service.id.id" + notNumbers,
		`{"query":{"filter":{"service":{"name":"x"}}}}`:       "query.filter.service.name is not known",
		`{"query":{"filter":{"colour":[1]}}}`:                 "query.filter.colour is not known",
		`{"query":{"filter":{"publishedStatus":["new"]}}}`:    "query.filter.publishedStatus is not " + statuses,
		`{"query":{"filter":{"publishedStatus":[0]}}}`:        "query.filter.publishedStatus is not " + statuses,
		`{"query":{"filter":{"reference":[1]}}}`:              "query.filter.reference[0] is not text",
		`{"query":{"include":{}}}`:                            "query.include is not a list of texts",
		`{"query":{"search":{"title":["x"]}}}`:                "query.search.title is not known",
		`{"query":{"search":{"name":[1]}}}`:                   "query.search.name[0] is not text",
		`{"query":{"search":["x"]}}`:                          "query.search is not an object",
		`{"query":{"queryString":["x"]}}`:                     "query.queryString is not text",
		`{"query":{"queryString":"` + strings.Repeat("é",
			201) + `"}}`: "query.queryString has more than 200 characters",
		`{"query":{"search":{"alias":[` + strings.Repeat(`"x",`,
			20) + `"x"]}}}`: "query.search.alias has more than 20 entries",
		`{"query":{"filter":{"id":[` + strings.Repeat(`1,`,
			1000) + `1]}}}`: "query.filter.id has more than 1000 entries",
		`{"query":{"filter":{"` + strings.Repeat("x",
			3000) + `":1}}}`: "query.filter." + strings.Repeat("x", 40) + "… is not known",
		`{"query":{"filter":{"id":[9223372036854775808]}}}`: "query.filter.id[0] is not a whole number",
	} {
		w.refuses(t, post("discovery/sources", w.bearer(w.read, nil), body), bad(want))
	}
	for _, call := range []string{"categories", "countries", "platforms", "sourceTypes"} {
		w.refuses(t, post("discovery/"+call, w.bearer(w.read, nil), `{"query":{"filter":{"id":[true]}}}`),
			bad("query.filter.id[0] is not a whole number"))
		w.refuses(t, post("discovery/"+call, w.bearer(w.read, nil), `{"query":{"filter":{"name":["x"]}}}`),
			bad("query.filter.name is not known"))
		w.refuses(t, post("discovery/"+call, "", `{}`), badBearer("bearer token"))
	}
	w.refuses(t, post("discovery/sources", "", `{}`), badBearer("bearer token"))
	w.refuses(t, get("discovery/sources", w.bearer(w.read, nil)), notFound("Call"))
	w.refuses(t, get("permission-access/sample/datasets/900201", ""), badBearer("bearer token"))
	for _, source := range []string{"77", "x", "-1", "900201x", "99999999999999999999", "1e3"} {
		w.refuses(t, get("permission-access/sample/datasets/"+source, w.bearer(w.read, nil)), notFound("Source"))
	}
	nonce := wire.NewNonce()
	w.mustSend(t, post("discovery/countries", w.bearer(w.read, claims{"nonce": nonce}), ``), nil)
	w.refuses(t, post("discovery/countries", w.bearer(w.read, claims{"nonce": nonce}), ``), replayed(nonce))
}

// noList is a listing that cannot be had.
type noList struct{}

func (noList) ListSources() ([]catalogue.Source, uint64, error) {
	return nil, 0, errors.New("no list today")
}

// While a list cannot be had, a client is asked to come back: it may hold what was
// looked for.
func TestDiscoveryWithoutList(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, err := catalogue.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	c.AddListers(noList{})
	calls := api.New(api.Config{Clients: w.Clients, Catalogue: c, Log: slog.New(slog.NewJSONHandler(w.Log, nil))})
	for _, r := range []*http.Request{
		httptest.NewRequest("POST", "/v1.7/discovery/sources",
			strings.NewReader(`{"query":{"filter":{"type":{"id":[2]}}}}`)),
		httptest.NewRequest("GET", "/v1.7/permission-access/sample/datasets/1000001", nil),
	} {
		r.Header.Set("Authorization", "Bearer "+w.bearer(w.read, nil))
		a := httptest.NewRecorder()
		calls.ServeHTTP(a, r)
		if a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" ||
			strings.Contains(a.Body.String(), "today") {
			t.Errorf("%s: %d %s", r.URL.Path, a.Code, a.Body)
		}
	}
	if !strings.Contains(w.Log.String(), "no list today") {
		t.Error("the log does not say why")
	}
}

package api_test

import (
	"database/sql"
	"encoding/xml"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
)

const reportCall = "export/medmij/report"

// portabilityReport is a report as its reader sees it.
type portabilityReport struct {
	XMLName     xml.Name  `xml:"Portabiliteitsrapport"`
	CreatedAt   time.Time `xml:"Tijdstempel"`
	Participant string    `xml:"Deelnemer"`
	From        string    `xml:"Vanaf"`
	To          string    `xml:"Tot"`
}

// TestReportPeriod: each form in which the clients send the period.
func TestReportPeriod(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	for query, want := range map[string][2]string{
		"":            {},
		"?format=xml": {},
		"?format=xml&from=undefined&to=undefined":   {},
		"?format=xml&from=&to=":                     {},
		"?format=xml&from=1700000000&to=1795499813": {"2023-11-14T22:13:20Z", "2026-11-24T05:56:53Z"},
		// as iOS
		"?format=xml&from=1700000000.0&to=1795499813.532": {"2023-11-14T22:13:20Z", "2026-11-24T05:56:53.532Z"},
		"?from=1700000000.123456&to=1700000000.1299":      {"2023-11-14T22:13:20.123Z", "2023-11-14T22:13:20.129Z"},
		"?from=1700000000":        {"2023-11-14T22:13:20Z", ""},
		"?to=1700000000":          {"", "2023-11-14T22:13:20Z"},
		"?from=5&to=5":            {"1970-01-01T00:00:05Z", "1970-01-01T00:00:05Z"},
		"?from=0":                 {"1970-01-01T00:00:00Z", ""},
		"?from=-62135769600.0":    {"1970-01-01T00:00:00Z", ""}, // the distant past of iOS
		"?to=64092211200":         {"", "4001-01-01T00:00:00Z"}, // its distant future
		"?to=999999999999999.9":   {"", "9999-12-31T23:59:59.999Z"},
		"?from=%31&language=nl&x": {"1970-01-01T00:00:01Z", ""},
	} {
		before := w.Clock.Now().Add(-time.Millisecond)
		a := w.send(t, get(reportCall+query, w.as(reader, nil)))
		var got portabilityReport
		if err := xml.Unmarshal(a.body, &got); err != nil || a.StatusCode != 200 {
			t.Errorf("%q: %d %s, error %v", query, a.StatusCode, a.body, err)
			continue
		}
		if got.From != want[0] || got.To != want[1] {
			t.Errorf("%q: period %q to %q, want %q", query, got.From, got.To, want)
		}
		if got.XMLName.Space != wire.ReportNamespace || got.Participant != "127.0.0.1" ||
			got.CreatedAt.Before(before) || got.CreatedAt.After(w.Clock.Now()) {
			t.Errorf("%q: %+v", query, got)
		}
		if h := a.Header; h.Get("Content-Type") != "application/xml" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%q: header %v", query, h)
		}
	}
}

// TestReportFails: a report that cannot be read gets the protocol's error, as long as nothing of it has been written.
func TestReportFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	db := carreltest.Must(sql.Open("sqlite", "file:"+filepath.Join(w.Folder, "carrel.db")))(t)
	defer db.Close()
	carreltest.Must(db.ExecContext(t.Context(), "ALTER TABLE collections RENAME TO moved"))(t)
	w.refuses(t, get(reportCall+"?format=xml", w.as(reader, nil)),
		refusal{500, wire.CodeInternal, "Something went wrong at the server"})
	carreltest.Must(db.ExecContext(t.Context(), "ALTER TABLE moved RENAME TO collections"))(t)
	if a := w.send(t, get(reportCall+"?format=xml", w.as(reader, nil))); a.StatusCode != 200 {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.body)
	}
}

// TestReportRefused: whatever is wrong with a call for a report gets the protocol's error.
func TestReportRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	reader, writer, foreign := anna.Allows(w.read), anna.Allows(w.write), anna.Allows(w.foreign)
	for query, want := range map[string]refusal{
		"format=json":                       bad("format"),
		"format=XML":                        bad("format"),
		"format=":                           bad("format"),
		"format=undefined":                  bad("format"),
		"format=xml&format=xml":             bad("format"),
		"from=2026-11-01":                   bad("from"),
		"from=1e9":                          bad("from"),
		"from=NaN":                          bad("from"),
		"from=Infinity":                     bad("from"),
		"from=0x10":                         bad("from"),
		"from=1,5":                          bad("from"),
		"from=.5":                           bad("from"),
		"from=5.":                           bad("from"),
		"from=%2B5":                         bad("from"),
		"from=null":                         bad("from"),
		"from=Undefined":                    bad("from"),
		"from=%D9%A1":                       bad("from"), // an Arabic digit
		"from=1%00":                         bad("from"),
		"from=1%0A":                         bad("from"),
		"from=1234567890123456":             bad("from"),
		"from=1&from=1":                     bad("from"),
		"to=soon":                           bad("to"),
		"to=--1":                            bad("to"),
		"to=1&to=undefined":                 bad("to"),
		"from=2&to=1":                       bad("from is after to"),
		"from=1.002&to=1.001":               bad("from is after to"),
		"from=1;to=2":                       bad("the query"),
		"from=%zz":                          bad("the query"),
		"from=" + strings.Repeat("1", 5000): bad("from"),
	} {
		t.Run(query[:min(30, len(query))], func(t *testing.T) {
			w.refuses(t, get(reportCall+"?"+query, w.as(reader, nil)), want)
		})
	}
	old := w.bearer(w.read, claims{"access_token": reader.Token(), "timestamp": 1})
	for name, test := range map[string]struct {
		request
		want refusal
	}{
		"another service":       {get("export/other/report?format=xml", w.as(reader, nil)), notFound("Service")},
		"a service of capitals": {get("export/MedMij/report?format=xml", w.as(reader, nil)), notFound("Service")},
		"no service":            {get("export/report", w.as(reader, nil)), notFound("Call")},
		"a path below":          {get(reportCall+"/x", w.as(reader, nil)), notFound("Call")},
		"another method":        {post(reportCall, w.as(reader, nil), ""), notFound("Call")},
		"a write contract":      {get(reportCall, w.as(writer, nil)), noScope},
		"no bearer":             {get(reportCall, ""), badBearer("bearer token")},
		"no access token":       {get(reportCall, w.bearer(w.read, nil)), invalid(wire.KindAccessToken)},
		"an unknown token": {get(reportCall, w.bearer(w.read, claims{"access_token": "no"})),
			invalid(wire.KindAccessToken)},
		"another contract's token": {get(reportCall, w.bearer(w.read, claims{"access_token": writer.Token()})),
			invalid(wire.KindAccessToken)},
		"another application's token": {get(reportCall, w.bearer(w.read, claims{"access_token": foreign.Token()})),
			invalid(wire.KindAccessToken)},
		"a refresh token": {get(reportCall, w.bearer(w.read, claims{"access_token": reader.Refresh()})),
			invalid(wire.KindAccessToken)},
		"an old request": {get(reportCall, old), badBearer("timestamp")},
	} {
		t.Run(name, func(t *testing.T) { w.refuses(t, test.request, test.want) })
	}
	t.Run("twice", func(t *testing.T) {
		nonce := wire.NewNonce()
		again := w.as(reader, claims{"nonce": nonce})
		if a := w.send(t, get(reportCall, again)); a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		w.refuses(t, get(reportCall, again), replayed(nonce))
	})
	t.Run("revoked", func(t *testing.T) {
		anna.Stops(reader)
		w.refuses(t, get(reportCall, w.as(reader, nil)), invalid(wire.KindAccessToken))
	})
	t.Run("expired", func(t *testing.T) {
		again := anna.Allows(w.read)
		w.Clock.Moves(25 * time.Hour)
		w.refuses(t, get(reportCall, w.as(again, nil)), expired(wire.KindAccessToken))
	})
}

package server_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/xml"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/testenv"
)

// reportSchema is the XML schema of the report.
func reportSchema(t *testing.T) string {
	t.Helper()
	return filepath.Join(testenv.Root(t), "docs", "portability-report.xsd")
}

// reportedLine is a line of a report.
type reportedLine struct {
	Provider string `xml:"Zorgaanbiedernaam"`
	Service  int    `xml:"GegevensdienstId"`
	At       string `xml:"Tijdstempel"`
}

// reports returns the lines of a report, which is valid against its schema.
func reports(t *testing.T, u *digime.User, o digime.PortabilityReportOptions) []reportedLine {
	t.Helper()
	text := carreltest.Must(readsReport(t.Context(), u, o))(t)
	testenv.ValidateXML(t, reportSchema(t), text)
	var got struct {
		Lines []reportedLine `xml:"Verzamelingen>Verzameling"`
	}
	if err := xml.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	return got.Lines
}

func readsReport(ctx context.Context, u *digime.User, o digime.PortabilityReportOptions) ([]byte, error) {
	report, err := u.OpenPortabilityReport(ctx, o)
	if err != nil {
		return nil, err
	}
	defer report.Close()
	return io.ReadAll(report)
}

// userOf is the user of a grant, as the SDK has it.
func userOf(g *carreltest.Grant) *digime.User {
	return g.SDK(digime.WithRetries(0), digime.WithClock(g.World().Clock.Now)).User(digime.UserAccessToken{
		AccessToken:  digime.Token{Value: digime.NewSecret(g.Token())},
		RefreshToken: digime.Token{Value: digime.NewSecret(g.Refresh())},
	})
}

// collects connects sample data for a grant and fetches it, and returns when it was asked for.
func (k *keeper) collects(t *testing.T, p *carreltest.Person, g *carreltest.Grant) (at time.Time) {
	t.Helper()
	account := connectsSample(t, p, g)
	b := carreltest.Must(g.Bearer())(t)
	if err := k.Fetches.Request(t.Context(), b.Grant, wire.SessionOptions{}); err != nil {
		t.Fatal(err)
	}
	if state := fetched(t, k, account.ID); state != wire.StateCompleted {
		t.Fatalf("the fetch ended as %s", state)
	}
	var millis int64
	k.reads(&millis, `SELECT created_at FROM fetches WHERE account_id = $1`, string(account.ID))
	return time.UnixMilli(millis).UTC()
}

const sampleProvider = "Sample care provider"

// TestReport: a report has a line for each fetch that has stored something, in its period, and stays so when the same
// is collected again.
func TestReport(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		g := anna.Allows(k.Application().Contract(library.Read, mappedScope))
		user := userOf(g)
		if lines := reports(t, user, digime.PortabilityReportOptions{}); len(lines) > 0 {
			t.Errorf("before anything was collected: %+v", lines)
		}
		first := k.collects(t, anna, g)
		line := func(at time.Time) reportedLine {
			return reportedLine{sampleProvider, 900003, at.Format(time.RFC3339Nano)}
		}
		want := []reportedLine{line(first)}
		if got := reports(t, user, digime.PortabilityReportOptions{}); !slices.Equal(got, want) {
			t.Errorf("report %+v, want %+v", got, want)
		}
		k.changes(`UPDATE collected_files SET fingerprint = $1`, []byte("as if the source had changed"))
		k.Clock.Moves(time.Hour)
		second := k.collects(t, anna, g)
		want = append(want, line(second))
		if got := reports(t, user, digime.PortabilityReportOptions{}); !slices.Equal(got, want) {
			t.Errorf("collected again: %+v, want %+v", got, want)
		}
		for what, test := range map[string]struct {
			digime.PortabilityReportOptions
			want []reportedLine
		}{
			"all":             {digime.PortabilityReportOptions{}, want},
			"from the second": {digime.PortabilityReportOptions{From: second}, want[1:]},
			"to the first":    {digime.PortabilityReportOptions{To: first}, want[:1]},
			"between":         {digime.PortabilityReportOptions{From: first.Add(1e6), To: second.Add(-1e6)}, nil},
			"after both":      {digime.PortabilityReportOptions{From: second.Add(1e6)}, nil},
		} {
			if got := reports(t, user, test.PortabilityReportOptions); !slices.Equal(got, test.want) {
				t.Errorf("%s: %+v, want %+v", what, got, test.want)
			}
		}
		// A name is as it was, and may have any characters.
		const odd = "De Linde <\"&'> \u202e]]>\x01 Zoë"
		k.changes(`UPDATE collections SET provider = $1`, odd)
		want[0].Provider = strings.ReplaceAll(odd, "\x01", "\ufffd")
		if got := reports(t, user, digime.PortabilityReportOptions{To: first}); !slices.Equal(got, want[:1]) {
			t.Errorf("an odd name: %+v, want %+v", got, want[:1])
		}
	})
}

// TestAttackReportOfOthers: what was collected for another person, for another application, or of a kind that the
// contract may not read, is in no report.
func TestAttackReportOfOthers(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, eve := k.Person(), k.Person()
		app, other := k.Application(), k.Application()
		own := app.Contract(library.Read, mappedScope)
		g := anna.Allows(own)
		k.collects(t, anna, g)
		if lines := reports(t, userOf(g), digime.PortabilityReportOptions{}); len(lines) != 1 {
			t.Fatalf("the contract's own: %+v", lines)
		}
		scope := func(s library.Scope) func(*library.Contract) { return func(c *library.Contract) { c.Scope = s } }
		types := func(service, object int) []wire.ServiceGroup {
			return []wire.ServiceGroup{{ID: 2, ServiceTypes: []wire.ServiceType{{ID: service,
				ServiceObjectTypes: []wire.ServiceObjectType{{ID: object}}}}}}
		}
		const measurement = 111
		for what, test := range map[string]struct {
			reader *carreltest.Grant
			lines  int
		}{
			"another person":      {eve.Allows(own), 0},
			"another application": {anna.Allows(other.Contract(library.Read, mappedScope)), 0},
			"pushed files only":   {anna.Allows(app.Contract(library.Read, scope(library.Scope{Raw: true}))), 0},
			"another group": {anna.Allows(app.Contract(library.Read, scope(library.Scope{Mapped: true,
				ServiceGroups: []wire.ServiceGroup{{ID: 1}}}))), 0},
			"another service": {anna.Allows(app.Contract(library.Read, scope(library.Scope{Mapped: true,
				ServiceGroups: types(900004, measurement)}))), 0},
			"another type": {anna.Allows(app.Contract(library.Read, scope(library.Scope{Mapped: true,
				ServiceGroups: types(900003, 999)}))), 0},
			"one of the types": {anna.Allows(app.Contract(library.Read, scope(library.Scope{Mapped: true,
				ServiceGroups: types(900003, measurement)}))), 1},
			"a time before all": {anna.Allows(app.Contract(library.Read, scope(library.Scope{Mapped: true,
				ServiceGroups: types(900003, measurement),
				TimeRanges:    []wire.TimeRange{{From: 1, To: 2}}}))), 0},
			"a time of some": {anna.Allows(app.Contract(library.Read, scope(library.Scope{Mapped: true,
				ServiceGroups: types(900003, measurement),
				TimeRanges:    []wire.TimeRange{{Last: "50y"}}}))), 1},
		} {
			if lines := reports(t, userOf(test.reader), digime.PortabilityReportOptions{}); len(lines) != test.lines {
				t.Errorf("%s: %+v, want %d lines", what, lines, test.lines)
			}
		}
		// Nor is a row that does not read: the others are.
		if k.config.Database != "" && !strings.HasPrefix(k.config.Database, "postgres") {
			k.changes(`UPDATE collections SET fetched_at = 'soon' WHERE object_type = $1`, measurement)
			k.changes(`INSERT INTO collections SELECT library_id, application_id, fetched_at + 0.5, account_id, 1e99,
				provider, group_id, service_id, from_at, to_at, files FROM collections
				WHERE fetched_at <> 'soon' LIMIT 1`)
			if lines := reports(t, userOf(g), digime.PortabilityReportOptions{}); len(lines) != 1 {
				t.Errorf("with a row that does not read: %+v", lines)
			}
		}
		anna.Stops(g)
		if _, err := readsReport(t.Context(), userOf(g), digime.PortabilityReportOptions{}); err == nil {
			t.Error("a consent that was stopped still reports")
		}
	})
}

// TestReportIsStreamed: a report of 200,000 lines is written while it is read, and memory does not grow with it.
func TestReportIsStreamed(t *testing.T) {
	const lines = 200_000
	w := carreltest.Serve(t)
	anna := w.Person()
	g := anna.Allows(w.Application().Contract(library.Read, mappedScope))
	db := carreltest.Must(sql.Open("sqlite",
		"file:"+filepath.Join(w.Folder, "carrel.db")+"?_pragma=busy_timeout(5000)"))(t)
	defer db.Close()
	_, err := db.ExecContext(t.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO collections (library_id, application_id, fetched_at, account_id, object_type, provider, group_id,
			service_id, from_at, to_at, files)
		SELECT $2, $3, 1700000000000 + i, '900003_account', 7, 'Huisartsenpraktijk De Linde ' || i, 2, 900003, 0,
			253402300799999, 1 FROM n`, lines, string(anna.Library), string(g.Application.ID))
	if err != nil {
		t.Fatal(err)
	}
	report, err := userOf(g).OpenPortabilityReport(t.Context(), digime.PortabilityReportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	size, got, first, most := 0, 0, uint64(0), uint64(0)
	text := bufio.NewScanner(report)
	for next := 0; text.Scan(); {
		size += len(text.Bytes()) + 1
		if bytes.Contains(text.Bytes(), []byte("<Verzameling>")) {
			got++
		}
		if size < next {
			continue
		}
		next = size + 4<<20
		heap := liveHeap()
		if first == 0 {
			first = heap
		}
		most = max(most, heap)
	}
	if err := text.Err(); err != nil || got != lines {
		t.Fatalf("%d lines, error %v", got, err)
	}
	t.Logf("a report of %d MiB: the heap had %d MiB at first, and %d MiB at most", size>>20, first>>20, most>>20)
	if size < 32<<20 || most-first > uint64(size)/4 {
		t.Errorf("the heap grew by %d bytes for a report of %d", most-first, size)
	}
}

// liveHeap is what is in use after a collection of the garbage.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

package sampledata_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/sampledata"
)

// account is the account that the tests load files for.
var account = sampledata.Account{ID: "900003_7f", GroupID: 4, GroupName: "Health & Fitness", ServiceName: "tracker"}

// times are times of loading: a usual one, just after midnight, a leap day, and the night in which summer time begins.
func times(t *testing.T) map[string]time.Time {
	t.Helper()
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]time.Time{
		"usual":       time.Date(2026, 11, 30, 14, 30, 5, 999, time.UTC),
		"midnight":    time.Date(2027, 1, 1, 0, 0, 1, 0, amsterdam),
		"leap day":    time.Date(2028, 2, 29, 23, 59, 59, 0, amsterdam),
		"summer time": time.Date(2027, 3, 28, 3, 10, 0, 0, amsterdam),
	}
}

var now = time.Date(2026, 11, 30, 14, 30, 5, 0, time.UTC)

// load returns the files of a set that has no errors.
func load(t *testing.T, collection, id string, a sampledata.Account, now time.Time) (files []sampledata.File) {
	t.Helper()
	set, ok := sampledata.Find(collection, id)
	if !ok {
		t.Fatalf("no set %s of %s", id, collection)
	}
	for f, err := range set.Files(a, now) {
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func content(t *testing.T, f sampledata.File) []byte {
	t.Helper()
	text, err := io.ReadAll(f.Content())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// objects returns the objects of a mapped file.
func objects(t *testing.T, f sampledata.File) (list []map[string]any) {
	t.Helper()
	if err := json.Unmarshal(content(t, f), &list); err != nil {
		t.Fatalf("%s: %v", f.Key, err)
	}
	return list
}

// forEachSet runs a test for each set without errors.
func forEachSet(t *testing.T, test func(t *testing.T, collection, set string)) {
	t.Helper()
	for _, collection := range sampledata.Collections() {
		for _, set := range []string{"default", "test"} {
			t.Run(collection+"/"+set, func(t *testing.T) { test(t, collection, set) })
		}
	}
}

var (
	keyPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	idPattern  = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`) // of FHIR, and good in an address
)

func TestSets(t *testing.T) {
	t.Parallel()
	if got := sampledata.Collections(); !slices.Equal(got,
		[]string{"medical", "social", "finance", "fitness", "entertainment"}) {
		t.Errorf("collections %v", got)
	}
	for _, collection := range sampledata.Collections() {
		var ids []string
		for _, s := range sampledata.Sets(collection) {
			ids = append(ids, s.ID)
			if !wire.ValidName(s.ID) {
				t.Errorf("%s: the id %q is not one that can be in an address", collection, s.ID)
			}
			for _, text := range []sampledata.Text{s.Name, s.Description} {
				if text.EN == "" || text.NL == "" || text.EN == text.NL || text.In("nl") != text.NL ||
					text.In("en") != text.EN || text.In("fr") != text.EN {
					t.Errorf("%s/%s: text %+v", collection, s.ID, text)
				}
			}
		}
		want := []string{
			"default", "test", "reauthorize", "sync-in-progress", "partial", "time-limit", "interrupted", "slow",
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s has the sets %v, want %v", collection, ids, want)
		}
	}
	if sampledata.Sets("weather") != nil {
		t.Error("sets of an unknown collection")
	}
	for _, unknown := range [][2]string{{"weather", "default"}, {"medical", "adult"}, {"medical", ""}} {
		if _, ok := sampledata.Find(unknown[0], unknown[1]); ok {
			t.Errorf("there is a set %v", unknown)
		}
	}
}

// What can be said of all files: keys and ids are unique, metadata can be sent, times are plausible, nothing is large.
func TestFiles(t *testing.T) {
	t.Parallel()
	for name, now := range times(t) {
		forEachSet(t, func(t *testing.T, collection, id string) {
			set, _ := sampledata.Find(collection, id)
			size, keys, ids := 0, map[string]bool{}, map[string]bool{}
			var types []sampledata.ObjectType
			for _, f := range load(t, collection, id, account, now) {
				if keys[f.Key] || !keyPattern.MatchString(f.Key) {
					t.Errorf("%s: the key %q is there twice or malformed", name, f.Key)
				}
				keys[f.Key] = true
				size += f.Content().Len()
				if f.Content().Len() == 0 || f.Content().Len() > 256<<10 {
					t.Errorf("%s: %s has %d bytes", name, f.Key, f.Content().Len())
				}
				checkMetadata(t, f)
				checkPeriod(t, f, now)
				if f.Metadata.Raw != nil {
					continue
				}
				types = append(types, f.ObjectType)
				list := objects(t, f)
				if len(list) != f.Metadata.Mapped.ObjectCount || len(list) == 0 {
					t.Errorf("%s: %s has %d objects, its metadata says %d", name, f.Key, len(list),
						f.Metadata.Mapped.ObjectCount)
				}
				for _, o := range list {
					id, _ := o["id"].(string)
					if entity, mapped := o["entityid"].(string); mapped {
						id = entity
					}
					kind, _ := o["resourceType"].(string)
					if id == "" || ids[kind+"/"+id] {
						t.Errorf("%s: %s has the id %q twice, or an object without", name, f.Key, id)
					}
					ids[kind+"/"+id] = true
				}
			}
			if limit := 1 << 20; size > limit {
				t.Errorf("%s: %d bytes, more than %d", name, size, limit)
			}
			if types = slices.Compact(types); !slices.Equal(types, set.ObjectTypes()) {
				t.Errorf("%s: types %v, the set says %v", name, types, set.ObjectTypes())
			}
		})
	}
}

func checkMetadata(t *testing.T, f sampledata.File) {
	t.Helper()
	header, err := f.Metadata.EncodeHeader()
	if err != nil || len(header) > 1000 {
		t.Errorf("%s: metadata of %d bytes, %v", f.Key, len(header), err)
	}
	if raw := f.Metadata.Raw; raw != nil {
		if f.Metadata.Mapped != nil || f.MIMEType() != raw.MIMEType || f.ObjectType != (sampledata.ObjectType{}) ||
			len(raw.Accounts) != 1 || raw.Accounts[0].AccountID != string(account.ID) ||
			!slices.Equal(raw.ServiceGroups, []int{account.GroupID}) || len(raw.Reference) != 1 {
			t.Errorf("%s: %+v", f.Key, raw)
		}
		return
	}
	m := f.Metadata.Mapped
	if m.ObjectType != f.ObjectType.Name || f.ObjectType.ID == 0 || m.ServiceGroup != "health & fitness" ||
		m.ServiceName != account.ServiceName || f.MIMEType() != "application/json" {
		t.Errorf("%s: %+v of type %+v", f.Key, m, f.ObjectType)
	}
	if s := m.Schema; s != (wire.Schema{Standard: "fhir", Version: "3.0.2"}) &&
		s != (wire.Schema{Standard: "digime", Version: "1.0.0"}) {
		t.Errorf("%s: schema %+v", f.Key, s)
	}
}

// checkPeriod checks that a file is of the last two years, and that its objects are within its times.
func checkPeriod(t *testing.T, f sampledata.File, now time.Time) {
	t.Helper()
	if f.From.IsZero() && f.To.IsZero() {
		return
	}
	if f.From.After(f.To) || f.To.After(now) || f.From.Before(now.AddDate(-2, 0, -7)) ||
		f.To.Sub(f.From) > 31*24*time.Hour {
		t.Errorf("%s is from %s to %s at %s", f.Key, f.From, f.To, now)
	}
	if f.Metadata.Raw != nil {
		return
	}
	for _, o := range objects(t, f) {
		at, ok := timeOf(t, o)
		if !ok || at.Before(f.From.Truncate(time.Millisecond)) || at.After(f.To) {
			t.Errorf("%s: an object of %s is not from %s to %s", f.Key, at, f.From, f.To)
		}
	}
}

// timeOf returns the time of an object.
func timeOf(t *testing.T, o map[string]any) (time.Time, bool) {
	t.Helper()
	if ms, ok := o["createddate"].(float64); ok {
		return time.UnixMilli(int64(ms)), true
	}
	text, ok := o["effectiveDateTime"].(string)
	at, err := time.Parse(time.RFC3339, text)
	return at, ok && err == nil
}

// The same time gives the same bytes. Another day gives the same keys and ids in the same files, with other times.
func TestStable(t *testing.T) {
	t.Parallel()
	forEachSet(t, func(t *testing.T, collection, id string) {
		first := load(t, collection, id, account, now)
		again := load(t, collection, id, account, now)
		later := load(t, collection, id, account, now.AddDate(0, 0, 17).Add(5*time.Hour))
		if len(first) != len(again) || len(first) != len(later) {
			t.Fatalf("%d, %d and %d files", len(first), len(again), len(later))
		}
		for i, f := range first {
			if f.Key != again[i].Key || !bytes.Equal(content(t, f), content(t, again[i])) {
				t.Errorf("%s differs when it is loaded again", f.Key)
			}
			if f.Key != later[i].Key || f.To.IsZero() != later[i].To.IsZero() {
				t.Fatalf("%s is %s later", f.Key, later[i].Key)
			}
			if moved := later[i].To.Sub(f.To); !f.To.IsZero() && (moved < 16*24*time.Hour || moved > 18*24*time.Hour) {
				t.Errorf("%s has moved by %s in 17 days", f.Key, moved)
			}
			if f.Metadata.Raw != nil {
				continue
			}
			before, after := objects(t, f), objects(t, later[i])
			for j := range before {
				if before[j]["id"] != after[j]["id"] || before[j]["entityid"] != after[j]["entityid"] {
					t.Errorf("%s: object %d has another id later", f.Key, j)
				}
			}
		}
	})
}

// An application that asks for the last three months gets some data of each collection, and not all of it.
func TestLastMonths(t *testing.T) {
	t.Parallel()
	since := now.AddDate(0, -3, 0)
	for _, collection := range sampledata.Collections() {
		recent, old := 0, 0
		for _, f := range load(t, collection, "default", account, now) {
			switch {
			case f.To.IsZero():
			case f.To.After(since):
				recent++
			default:
				old++
			}
		}
		if recent < 3 || old == 0 && collection != "entertainment" {
			t.Errorf("%s: %d files of the last three months, %d older ones", collection, recent, old)
		}
	}
}

func TestTestSetIsSmall(t *testing.T) {
	t.Parallel()
	for _, collection := range sampledata.Collections() {
		test, all := load(t, collection, "test", account, now), load(t, collection, "default", account, now)
		if len(test) < 2 || len(test) > 12 || len(test) >= len(all) {
			t.Errorf("%s: the test set has %d files, the default one %d", collection, len(test), len(all))
		}
	}
}

// A caller may stop at any file.
func TestStop(t *testing.T) {
	t.Parallel()
	for _, collection := range sampledata.Collections() {
		for _, set := range sampledata.Sets(collection) {
			all := firstKeys(set, 1000)
			for stop := 1; stop <= len(all) && stop < 12; stop++ {
				if got := firstKeys(set, stop); !slices.Equal(got, all[:stop]) {
					t.Errorf("%s/%s: %v before the stop at %d", collection, set.ID, got, stop)
				}
			}
		}
	}
}

// firstKeys returns the keys of the first files of a set; an error has no key, and counts.
func firstKeys(set sampledata.Set, n int) (keys []string) {
	for f, err := range set.Files(account, now) {
		if err != nil {
			f.Key = ""
		}
		if keys = append(keys, f.Key); len(keys) == n {
			break
		}
	}
	return keys
}

func TestScripts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		set    string
		status int
		code   string
		check  func(e *sampledata.SourceError) bool
	}{
		{"reauthorize", 511, "ServiceAuthorizationError", func(e *sampledata.SourceError) bool { return e.Reauth }},
		{"sync-in-progress", 206, "SyncInProgress",
			func(e *sampledata.SourceError) bool { return e.RetryAfter == time.Minute }},
		{"partial", 206, "PartialObjectTypes", func(e *sampledata.SourceError) bool {
			return len(e.ObjectTypes) == 1 && e.ObjectTypes[0].Code != "" && e.ObjectTypes[0].Message != "" &&
				e.ObjectTypes[0].Status == 503
		}},
		{"time-limit", 206, "SourceFetchDurationQuotaReached",
			func(e *sampledata.SourceError) bool { return !e.Reauth && e.RetryAfter == 0 }},
		{"interrupted", 0, "", nil},
	} {
		for _, collection := range sampledata.Collections() {
			set, ok := sampledata.Find(collection, tt.set)
			if !ok {
				t.Fatalf("no set %s", tt.set)
			}
			var keys []string
			var failed []error
			types := map[sampledata.ObjectType]bool{}
			for f, err := range set.Files(account, now) {
				if err != nil {
					failed = append(failed, err)
					if f.Key != "" {
						t.Errorf("%s/%s: a file with an error", collection, tt.set)
					}
					continue
				}
				if tt.set != "partial" && len(failed) > 0 {
					t.Errorf("%s/%s: a file after the end", collection, tt.set)
				}
				keys, types[f.ObjectType] = append(keys, f.Key), true
			}
			if len(failed) != 1 || len(keys) == 0 || len(keys) >= len(load(t, collection, "test", account, now)) {
				t.Errorf("%s/%s: files %v, errors %v", collection, tt.set, keys, failed)
				continue
			}
			var e *sampledata.SourceError
			if tt.code == "" {
				if !errors.Is(failed[0], sampledata.ErrInterrupted) {
					t.Errorf("%s/%s: %v", collection, tt.set, failed[0])
				}
				continue
			}
			if !errors.As(failed[0], &e) || e.Code != tt.code || e.Status != tt.status || e.Message == "" ||
				!tt.check(e) {
				t.Errorf("%s/%s: %+v", collection, tt.set, failed[0])
				continue
			}
			for _, o := range e.ObjectTypes {
				if !slices.Contains(set.ObjectTypes(), o.ObjectType) ||
					types[o.ObjectType] && len(set.ObjectTypes()) > 1 {
					t.Errorf("%s/%s: an error of the type %v, whose files are there", collection, tt.set, o.ObjectType)
				}
			}
		}
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	set, _ := sampledata.Find("social", "slow")
	n := 0
	for f, err := range set.Files(account, now) {
		if n++; err != nil || f.Delay != 5*time.Second {
			t.Errorf("%s: delay %s, %v", f.Key, f.Delay, err)
		}
	}
	quick := load(t, "social", "test", account, now)
	if n != len(quick) || quick[0].Delay != 0 {
		t.Errorf("%d slow files, %d quick ones with a delay of %s", n, len(quick), quick[0].Delay)
	}
}

package bench_test

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/bench"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/testenv"
)

// small is a load that is quick to prepare.
func small(t *testing.T) bench.Config {
	t.Helper()
	return bench.Config{
		Load: bench.Load{Clients: 4, Requests: 40, Folder: t.TempDir()},
		Size: 1000, Libraries: 3,
	}
}

// scenarios are the scenarios, with settings of their own.
var scenarios = []struct {
	name, scenario string
	measure        func(context.Context, bench.Config, func(string)) (bench.Result, error)
	set            func(*bench.Config)
	content        bool // the requests move content
}{
	{"push", "push", bench.Push, func(*bench.Config) {}, true},
	{"push into a full database", "push", bench.Push,
		func(c *bench.Config) { c.Files, c.Largest = 100, 50 }, true},
	{"push rarely", "push", bench.Push, func(c *bench.Config) { c.EachOnce = true }, true},
	{"push sealed by themselves", "push", bench.Push, func(c *bench.Config) { c.SealEach = true }, true},
	{"push large files", "push", bench.Push, func(c *bench.Config) { c.Size = 200 << 10 }, true},
	{"push nothing", "push", bench.Push, func(c *bench.Config) { c.Size = 0 }, false},
	{"push at a rate", "push", bench.Push, func(c *bench.Config) { c.Rate = 400 }, true},
	{"read", "read", bench.Read, func(c *bench.Config) { c.Files = 50 }, true},
	{"read large files", "read", bench.Read, func(c *bench.Config) { c.Files, c.Size = 5, 200<<10 }, true},
	{"exchange", "exchange", bench.Exchange, func(*bench.Config) {}, false},
	{"refresh", "refresh", bench.Refresh, func(*bench.Config) {}, false},
	{"list pages", "list", bench.List, func(c *bench.Config) { c.Files = 50 }, true},
	{"list the largest", "list", bench.List, func(c *bench.Config) { c.Files, c.Largest = 60, 40 }, true},
	{"list a session", "list", bench.List, func(c *bench.Config) { c.Files, c.Session = 50, true }, true},
	{"mixed", "mixed", bench.Mixed, func(c *bench.Config) { c.Files = 50 }, true},
}

// Each scenario runs, every request succeeds, and the figures are consistent. Their size is for carrel bench to report,
// on a quiet machine.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := small(t)
			s.set(&c)
			r, err := s.measure(t.Context(), c, func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			checkResult(t, r, c, s.scenario, s.content)
		})
	}
}

func TestScenariosOnPostgres(t *testing.T) {
	for _, s := range scenarios {
		if s.scenario != s.name && s.name != "list pages" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := small(t)
			s.set(&c)
			c.Database = testenv.Postgres(t)
			r, err := s.measure(t.Context(), c, func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			checkResult(t, r, c, s.scenario, s.content)
		})
	}
}

func checkResult(t *testing.T, r bench.Result, c bench.Config, scenario string, content bool) {
	t.Helper()
	if err := r.Err(); err != nil || r.Failed != 0 {
		t.Errorf("%d requests have failed: %v", r.Failed, err)
	}
	if r.Scenario != scenario || r.Requests != c.Requests || r.PerSecond <= 0 || content != (r.BytesPerSecond > 0) {
		t.Errorf("result %+v", r)
	}
	checkLatency(t, "all", r.Latency, r.Took)
	if r.CPUPerRequest <= 0 || r.Machine.Own <= 0 || r.Machine.CPUs <= 0 || r.Machine.SyncsBefore <= 0 ||
		r.Machine.SyncsAfter <= 0 || r.Machine.Signatures <= 0 {
		t.Errorf("nothing was measured of the machine: %+v", r)
	}
	if scenario != "mixed" {
		if r.Kinds != nil {
			t.Errorf("kinds %v", r.Kinds)
		}
		return
	}
	sum := 0
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		k := r.Kinds[kind]
		sum += k.Requests
		checkLatency(t, kind, k.Latency, r.Took)
	}
	// 70, 20, 5 and 5 of 100.
	if sum != r.Requests || len(r.Kinds) != 4 || r.Kinds["push"].Requests != 28 || r.Kinds["read"].Requests != 8 ||
		r.Kinds["list"].Requests != 2 || r.Kinds["refresh"].Requests != 2 {
		t.Errorf("kinds %+v", r.Kinds)
	}
}

func checkLatency(t *testing.T, what string, l bench.Latency, took time.Duration) {
	t.Helper()
	if l.P50 <= 0 || !slices.IsSorted([]time.Duration{l.P50, l.P90, l.P99, l.P999, l.Max, took}) {
		t.Errorf("the latencies of %s do not hang together: %+v in %v", what, l, took)
	}
}

// The names of the figures stay: scripts read them.
func TestResultJSON(t *testing.T) {
	text, err := json.Marshal(bench.Result{Kinds: map[string]bench.Kind{"push": {}}, Server: "https://x", Rate: 5})
	if err != nil {
		t.Fatal(err)
	}
	latency := `{"p50Nanoseconds":0,"p90Nanoseconds":0,"p99Nanoseconds":0,"p999Nanoseconds":0,"maxNanoseconds":0}`
	want := `{"scenario":"","server":"https://x","rate":5,"requests":0,"failed":0,"tookNanoseconds":0,"perSecond":0,` +
		`"bytesPerSecond":0,"latency":` + latency +
		`,"kinds":{"push":{"requests":0,"failed":0,"perSecond":0,"latency":` + latency +
		`}},"cpuPerRequestNanoseconds":0,"machine":{"cpus":0,"busy":0,"own":0,"fsyncsPerSecondBefore":0,` +
		`"fsyncsPerSecondAfter":0,"rsaSignaturesPerSecond":0,"loadAverage":0}}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

// A folder that was kept is used as it is, by other scenarios too, and all that is in it is genuine.
func TestKeep(t *testing.T) {
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			c := small(t)
			c.Keep = filepath.Join(t.TempDir(), "kept")
			c.Files, c.Largest = 60, 40
			if database == "PostgreSQL" {
				c.Database = testenv.Postgres(t)
			}
			run := func(
				measure func(context.Context, bench.Config, func(string)) (bench.Result, error), c bench.Config,
			) (steps []string) {
				t.Helper()
				r, err := measure(t.Context(), c, func(step string) { steps = append(steps, step) })
				if err == nil {
					err = r.Err()
				}
				if err != nil {
					t.Fatal(err)
				}
				return steps
			}
			if steps := run(bench.Push, c); !slices.Contains(steps, "adding 60 files") {
				t.Errorf("steps %q", steps)
			}
			c.Files, c.Largest = 0, 0
			for _, measure := range []func(context.Context, bench.Config, func(string)) (bench.Result, error){
				bench.List, bench.Read, bench.Mixed, bench.Exchange,
			} {
				steps := run(measure, c)
				if slices.ContainsFunc(steps, func(s string) bool {
					return strings.HasPrefix(s, "adding") || strings.Contains(s, "libraries")
				}) {
					t.Errorf("filled again: %q", steps)
				}
			}
			kept := server.Config{PublicURL: "http://127.0.0.1", Database: c.Database,
				Blobs: filepath.Join(c.Keep, "blobs"), Keyring: filepath.Join(c.Keep, "master.key")}
			if c.Database == "" {
				kept.Database = filepath.Join(c.Keep, "carrel.db")
			}
			summary, err := server.CheckStored(t.Context(), kept, server.CheckOptions{AllContents: true},
				func(fault string) { t.Error(fault) })
			if err != nil {
				t.Fatal(err)
			}
			// What the 40 pushes and the 28 of the mixed scenario have added is there, too.
			if summary.Libraries != 3 || summary.Files != 60+40+28 {
				t.Errorf("%+v", summary)
			}
		})
	}
}

// A folder with other contents than are wanted is not filled again.
func TestKeepOther(t *testing.T) {
	c := small(t)
	c.Keep, c.Files = filepath.Join(t.TempDir(), "kept"), 30
	if _, err := bench.Push(t.Context(), c, func(string) {}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		want string
		set  func(*bench.Config)
	}{
		{"--files 30, not 31", func(c *bench.Config) { c.Files = 31 }},
		{"--largest 0, not 5", func(c *bench.Config) { c.Largest = 5 }},
		{"--libraries 3, not 2", func(c *bench.Config) { c.Libraries = 2 }},
		{"--database", func(c *bench.Config) { c.Database = "postgres://nowhere/x" }},
	} {
		other := c
		test.set(&other)
		_, err := bench.Push(t.Context(), other, func(string) {})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// Nothing is added to the data of a real server.
func TestKeepNotEmpty(t *testing.T) {
	c := small(t)
	c.Keep = t.TempDir()
	if err := os.WriteFile(filepath.Join(c.Keep, "carrel.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := bench.Push(t.Context(), c, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "give an empty folder with --keep") {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(c.Keep); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, test := range []struct {
		want string
		set  func(*bench.Config)
	}{
		{"--clients", func(c *bench.Config) { c.Clients = 0 }},
		{"--requests", func(c *bench.Config) { c.Requests = 0 }},
		{"--rate", func(c *bench.Config) { c.Rate = -1 }},
		{"--rate", func(c *bench.Config) { c.Rate = math.NaN() }},
		{"take longer than", func(c *bench.Config) { c.Rate, c.Requests = 1, 1000 }},
		{"--libraries", func(c *bench.Config) { c.Libraries = 0 }},
		{"--largest", func(c *bench.Config) { c.Files, c.Largest = 5, 6 }},
		{"--largest 6 is more than the 0 files", func(c *bench.Config) { c.Largest = 6 }},
		{"--credentials", func(c *bench.Config) { c.Server = "http://127.0.0.1:1" }},
		{"leave out", func(c *bench.Config) {
			c.Server, c.Credentials, c.Keep = "http://127.0.0.1:1", make([]bench.Credential, 1), "x"
		}},
		{"is no URL of a server", func(c *bench.Config) {
			c.Server, c.Credentials = "127.0.0.1:1", make([]bench.Credential, 1)
		}},
	} {
		c := small(t)
		test.set(&c)
		_, err := bench.Push(t.Context(), c, func(string) {})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakeVar makes the test program a carrel whose figures are known.
const fakeVar = "BENCHTABLE_FAKE_CARREL"

// fakeFailsVar names the scenario that fails.
const fakeFailsVar = "BENCHTABLE_FAKE_FAILS"

func TestMain(m *testing.M) {
	if slices.Contains(os.Args, "-put-server") {
		main()
		return
	}
	if os.Getenv(fakeVar) != "" && len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		if err := fakeCarrel(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// fakeCarrel does as the commands of carrel that are measured.
func fakeCarrel(args []string) error {
	command := strings.Join(args[:min(2, len(args))], " ")
	switch {
	case args[0] == "version":
		fmt.Println("carrel v0.0.0")
	case command == "bench --help":
		fmt.Println("Usage: carrel bench <command>\n\n  bench push")
	case args[0] == "serve":
		return fakeServe(args[slices.Index(args, "--listen")+1])
	case command == "bench "+os.Getenv(fakeFailsVar):
		return errors.New("carrel: error: 401 of the server")
	case command == "bench transfer":
		fmt.Println(`{"pushNanoseconds":2000000,"readNanoseconds":1000000,"peakBytes":104857600}`)
	case command == "bench put" && slices.Contains(args, "--libraries"):
		return errors.New("carrel: error: unknown flag --libraries")
	case args[0] == "bench":
		return json.NewEncoder(os.Stdout).Encode(map[string]any{
			"requests": 100, "perSecond": 4000, "cpuPerRequestNanoseconds": 250000,
			"latency": map[string]any{"p50Nanoseconds": 1e6, "p99Nanoseconds": 2e6},
			"machine": map[string]any{"rsaSignaturesPerSecond": 1000},
		})
	default:
		return fmt.Errorf("what is %q?", args)
	}
	return nil
}

func fakeServe(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ready := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s := &http.Server{Addr: address, Handler: ready, ReadHeaderTimeout: time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Every group runs, and its figures end up in its rows.
func TestRun(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakeVar, "1")
	for _, tt := range []struct {
		name, only, fails string
		want, notWant     []string
		err               string
	}{
		{
			name: "all succeed",
			only: "P1,P5,P6",
			want: []string{
				"measured: carrel v0.0.0", "Medians of 1 round.",
				"| P1 | pushes of 4 KiB from 64 clients | 4,000/s | a file server that syncs: 4,000/s | 1.00 | – | – |",
				"| P1a | pushes of 4 KiB from 1 client | 4,000/s | versitygw: – | – | ≥ 0.6 | – |",
				"| P5 | exchanges of a refresh token, a second and processor | 4,000/s | " +
					"RSA-2048 signatures: 1,000/s | 4.00 | ≥ 0.5 | yes |",
				"| P6 | pushes of 4 KiB at 1,000,000 files | 4,000/s | at 1,000 files: 4,000/s | 1.00 | ≥ 0.9 | yes |",
				"100,000 of them in the library | 2 ms | – | – | ≤ 20 ms | yes |",
				"- P1, versitygw: not measured: give -peers",
				"With -quick the sizes are small",
			},
			notWant: []string{"P2", "P3", "failed"},
		},
		{
			name:  "a scenario fails",
			only:  "P5",
			fails: "refresh",
			want: []string{
				"| P5 | exchanges of a code for tokens, a second and processor | 4,000/s |",
				"a refresh token, a second and processor | – | RSA-2048 signatures: – | – | ≥ 0.5 | – |",
				"- P5, refresh: 1 of 1 run failed: ", "401 of the server",
			},
			err: "1 run failed",
		},
		{
			name: "large files, starts and memory",
			only: "P4,P7",
			want: []string{
				"| P4 | push of 1 GiB by the Go SDK | 0.00 s | `dd conv=fsync`: ",
				"20 pushes and 20 reads of 100 MiB at once | 100 MiB | – | – | ≤ 128 MiB | yes |",
				"| P7 | later start, until `/readyz` answers | ",
			},
			notWant: []string{"openssl"},
		},
		{name: "no such measure", only: "P9", err: "-only P9: there is no such measure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(fakeFailsVar, tt.fails)
			folder := t.TempDir()
			var out bytes.Buffer
			err := run(t.Context(), options{carrel: self, folder: folder, quick: true, only: tt.only}, &out, io.Discard)
			if err == nil != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("not printed: %q", want)
				}
			}
			for _, notWant := range tt.notWant {
				if strings.Contains(out.String(), notWant) {
					t.Errorf("printed: %q", notWant)
				}
			}
			if t.Failed() {
				t.Log(out.String())
			}
			if left, _ := os.ReadDir(folder); len(left) > 0 {
				t.Errorf("%v is left in the folder", left)
			}
		})
	}
}

// What was measured before Ctrl-C is printed.
func TestRunIsStopped(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakeVar, "1")
	ctx, stop := context.WithCancel(t.Context())
	var out bytes.Buffer
	o := options{carrel: self, folder: t.TempDir(), quick: true, only: "P5"}
	err = run(ctx, o, &out, stopAfter{"exchange", stop})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "stopped before the end") {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{
		"| P5 | exchanges of a code for tokens, a second and processor | 4,000/s |",
		"| P5 | exchanges of a refresh token, a second and processor | – |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("not printed: %q in\n%s", want, &out)
		}
	}
}

// stopAfter stops when the progress of a series is written.
type stopAfter struct {
	series string
	stop   func()
}

// Write implements [io.Writer].
func (s stopAfter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.series) {
		s.stop()
	}
	return len(p), nil
}

func TestRunRefusesWrongFlags(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		o    options
		want string
	}{
		{"no program", options{carrel: filepath.Join(t.TempDir(), "none"), rounds: 5}, "make build makes bin/carrel"},
		{"a folder", options{carrel: t.TempDir(), rounds: 5}, "is a folder"},
		{"no rounds", options{carrel: self}, "-rounds 0: give at least 1"},
		{"no older program", options{carrel: self, rounds: 5, before: "none"}, "-before: "},
		{"no peers", options{carrel: self, rounds: 5, peers: t.TempDir()}, "make bench-table makes bin/peers"},
	} {
		err := run(t.Context(), tt.o, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Runs are taken in turn, and a failed one does not end the others.
func TestMeasure(t *testing.T) {
	var order []string
	of := func(name string, fails int) series {
		n := 0
		return series{name, func(context.Context) (sample, error) {
			order = append(order, name)
			if n++; n == fails {
				return nil, errors.New("refused")
			}
			return sample{"rate": float64(n)}, nil
		}}
	}
	g := group{name: "P1", series: []series{of("ours", 0), of("other", 2)}}
	var progress bytes.Buffer
	if err := measure(t.Context(), &g, 3, &progress); err != nil {
		t.Fatal(err)
	}
	if want := []string{"ours", "other", "ours", "other", "ours", "other"}; !slices.Equal(order, want) {
		t.Errorf("the order of runs is %v", order)
	}
	if !strings.Contains(progress.String(), "P1  round 2 of 3: other: refused\n") {
		t.Errorf("progress is\n%s", &progress)
	}
	got := pairs(g.results["ours"], g.results["other"], row{ours: value{number: "rate"}, other: value{number: "rate"}})
	if want := []float64{1, 1}; !slices.Equal(got, want) {
		t.Errorf("the ratios are %v, want those of the rounds in which both were measured", got)
	}
}

// A group whose preparation fails has failed, and the next group goes on.
func TestMeasureWithoutPreparation(t *testing.T) {
	g := group{
		name:   "P2a",
		series: []series{{"ours", func(context.Context) (sample, error) { panic("nothing is prepared") }}},
		open:   func(context.Context) (func(), error) { return nil, errors.New("no room") },
	}
	if err := measure(t.Context(), &g, 3, io.Discard); err != nil {
		t.Fatal(err)
	}
	if got := failures([]group{g}); got != "- P2a, ours: 1 of 1 run failed: no room\n" {
		t.Errorf("got %q", got)
	}
}

func TestMeasureEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	g := group{name: "P1", series: []series{{"ours", func(context.Context) (sample, error) {
		cancel()
		return nil, ctx.Err()
	}}}}
	if err := measure(ctx, &g, 3, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := countFailed([]group{g}); n != 0 {
		t.Errorf("%d runs count as failed: they were stopped", n)
	}
}

func TestChoose(t *testing.T) {
	groups := (&programs{before: "old"}).groups()
	for _, tt := range []struct {
		only       string
		ids, names []string
	}{
		{"P1c", []string{"P1c", "P1c", "P1c", "P1c"}, []string{"Carrel", "versitygw", "a file server that syncs",
			"PocketBase", "before"}},
		{"P1b", []string{"P1b", "P1b"}, []string{"Carrel", "versitygw", "before"}},
		{"P4", []string{"P4", "P4"}, []string{"Carrel", "`dd conv=fsync`", "before"}},
		{"P2", []string{"P2a", "P2a", "P2b", "P2b"}, []string{"Carrel", "before", "Carrel", "before"}},
		{"P9", nil, nil},
	} {
		var ids, names []string
		for _, g := range choose(groups, tt.only) {
			for _, r := range g.rows {
				ids = append(ids, r.id)
			}
			for _, s := range g.series {
				names = append(names, s.name)
			}
		}
		if !slices.Equal(ids, tt.ids) || !slices.Equal(names, tt.names) {
			t.Errorf("%s: rows %q of series %q", tt.only, ids, names)
		}
	}
}

func TestParseFigures(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       sample
		err        string
	}{
		{
			name: "scenarios",
			text: `{"scenario":"push","requests":100,"failed":0,"perSecond":4000,"cpuPerRequestNanoseconds":250000,` +
				`"latency":{"p50Nanoseconds":13,"p99Nanoseconds":28},"machine":{"rsaSignaturesPerSecond":1200}}`,
			want: sample{"rate": 4000, "cpu": 250000, "p50": 13, "p99": 28, "requests": 100, "signatures": 1200,
				"perProcessor": 4000},
		},
		{
			name: "an older program",
			text: `{"pushes":100,"tookNanoseconds":50000000,"pushesPerSecond":2000,"p50Nanoseconds":1,` +
				`"p99Nanoseconds":2,"own":1.5}`,
			want: sample{"rate": 2000, "cpu": 750000, "p50": 1, "p99": 2, "requests": 100},
		},
		{name: "failures", text: `{"requests":100,"failed":3,"perSecond":4000}`, err: "3 of 100 requests failed"},
		{name: "nothing", text: `{}`, err: "has measured nothing"},
		{name: "no JSON", text: `4,000 pushes`, err: "read the JSON of the benchmark"},
	} {
		got, err := parseFigures(tt.text)
		if err == nil != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCPUOf(t *testing.T) {
	const stat = "4711 (a (strange) name) S 1 4711 4711 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 8 0 100 1 1\n"
	if got := cpuOf(stat); got != 3*time.Second {
		t.Errorf("got %v, want 3 s", got)
	}
	if got := cpuOf("4711 (name) S"); got != 0 {
		t.Errorf("got %v of a short line", got)
	}
}

// A server that ends at once is not waited for.
func TestAwait(t *testing.T) {
	p, err := start(t.TempDir(), "sh", "-c", "echo no such option >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	err = p.await(t.Context(), "http://127.0.0.1:1/", 200)
	if err == nil || !strings.Contains(err.Error(), "no such option") {
		t.Errorf("got %v", err)
	}
}

func TestPutServer(t *testing.T) {
	folder := t.TempDir()
	s := httptest.NewServer(putHandler(folder))
	defer s.Close()
	put := func(path string) int {
		t.Helper()
		content := strings.NewReader("content")
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL+path, content)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := s.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	if status := put("/one"); status != http.StatusCreated {
		t.Errorf("status %d", status)
	}
	if status := put("/..%2Ftwo"); status != http.StatusInternalServerError {
		t.Errorf("status %d of a name outside the folder", status)
	}
	text, err := os.ReadFile(filepath.Join(folder, "one"))
	if err != nil || string(text) != "content" {
		t.Errorf("stored: %q, %v", text, err)
	}
	if files, _ := os.ReadDir(folder); len(files) != 1 {
		t.Errorf("the folder has %v", files)
	}
}

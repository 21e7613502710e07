package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		ok             bool
	}{
		{
			name: "what passes is not repeated",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- PASS: TestA (0.00s)\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: "ok  \tp\t0.1s\n\n1 passed, 0 failed, 0 skipped\n",
			ok:   true,
		},
		{
			name: "what is skipped says why",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: no moon: tonight\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`,
			want: "\nskipped:\n  p TestA: no moon: tonight\n\n0 passed, 0 failed, 1 skipped\n",
			ok:   true,
		},
		{
			name: "slow tests are listed, slowest first",
			in: `{"Action":"pass","Package":"p","Test":"TestA/one","Elapsed":7}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":7.04}
{"Action":"pass","Package":"p","Test":"TestB","Elapsed":0.2}
{"Action":"pass","Package":"q","Test":"TestC","Elapsed":12}
`,
			want: "\nslowest:\n    12.0 s  q TestC\n     7.0 s  p TestA\n\n4 passed, 0 failed, 0 skipped\n",
			ok:   true,
		},
		{
			name: "what fails says all",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: 1, want 2\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.00s)\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`,
			want: "    a_test.go:7: 1, want 2\n--- FAIL: TestA (0.00s)\nFAIL\tp\t0.1s\n" +
				"\n0 passed, 1 failed, 0 skipped\n",
		},
		{
			name: "a panic ends a test without an end",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: oh\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
`,
			want: "panic: oh\nFAIL\tp\t0.1s\n\n0 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "a package that does not build fails",
			in: `{"Action":"build-output","ImportPath":"p","Output":"p/a.go:1: undefined: x\n"}
{"Action":"build-fail","ImportPath":"p"}
`,
			want: "p/a.go:1: undefined: x\n\n0 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "go's own words are shown",
			in:   "go: cannot find main module\n",
			want: "go: cannot find main module\n\n0 passed, 0 failed, 0 skipped\n",
			ok:   true, // go's exit code tells
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r := &report{out: &out, output: map[unit][]string{}}
			if err := r.read(strings.NewReader(tt.in)); err != nil {
				t.Fatal(err)
			}
			if ok := r.close(); ok != tt.ok || out.String() != tt.want {
				t.Errorf("ok %v, want %v\ngot:\n%s\nwant:\n%s", ok, tt.ok, out.String(), tt.want)
			}
		})
	}
}

func TestReportOfNamedTests(t *testing.T) {
	const passed = `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
`
	for _, tt := range []struct {
		name, all, in, want string
		ok                  bool
	}{
		{
			name: "all passed",
			all:  "p TestA\n", in: passed,
			want: "\n1 passed, 0 failed, 0 skipped\n",
			ok:   true,
		},
		{
			name: "one did not run",
			all:  "p TestA\np TestB\nq TestA\n", in: passed,
			want: "\nnot passed:\n  p TestB\n  q TestA\n\n1 passed, 0 failed, 0 skipped\n",
		},
		{
			name: "a part was skipped",
			all:  "p TestA\n",
			in: `{"Action":"skip","Package":"p","Test":"TestA/PostgreSQL"}
` + passed,
			want: "\nskipped:\n  p TestA/PostgreSQL: \n\n1 passed, 0 failed, 1 skipped\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "all")
			if err := os.WriteFile(path, []byte(tt.all), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			r := &report{out: &out, output: map[unit][]string{}}
			if err := r.require(path); err != nil {
				t.Fatal(err)
			}
			if err := r.read(strings.NewReader(tt.in)); err != nil {
				t.Fatal(err)
			}
			if ok := r.close(); ok != tt.ok || out.String() != tt.want {
				t.Errorf("ok %v, want %v\ngot:\n%s\nwant:\n%s", ok, tt.ok, out.String(), tt.want)
			}
		})
	}
}

package main

import (
	"errors"
	"fmt"
	"testing"
)

// results makes the results of a series of one number; a negative one is a failed run.
func resultsOf(name string, numbers ...float64) (all []result) {
	for _, n := range numbers {
		if n < 0 {
			all = append(all, result{err: errors.New("the server says:\nno space left")})
			continue
		}
		all = append(all, result{sample: sample{name: n}})
	}
	return all
}

func TestTable(t *testing.T) {
	carrel, gateway := value{"Carrel", "rate"}, value{"versitygw", "rate"}
	groups := []group{
		{
			name:   "P1",
			series: []series{{name: "Carrel"}, {name: "versitygw"}, {name: "PocketBase"}},
			rows: []row{
				{id: "P1", measure: "pushes", ours: carrel, other: gateway, goal: goal{atLeast: 1}},
				{id: "P1", measure: "pushes", ours: carrel, other: value{"PocketBase", "rate"}},
			},
			results: map[string][]result{
				"Carrel":     resultsOf("rate", 4000, 5000, 4500, 4200, 4100),
				"versitygw":  resultsOf("rate", 4400, 4000, -1, 4600, 4300),
				"PocketBase": {{err: fmt.Errorf("%w: give -peers", errMissing)}},
			},
		},
		{
			name:   "P2a",
			series: []series{{name: "Carrel"}},
			rows: []row{{id: "P2a", measure: "on PostgreSQL", ours: carrel,
				goal: goal{atLeast: 3500, absolute: true}}},
			results: map[string][]result{"Carrel": resultsOf("rate", 3600.4, 3499)},
		},
		{
			name:   "P3",
			series: []series{{name: "Carrel"}, {name: "openssl"}},
			rows: []row{{id: "P3", measure: "read", ours: value{"Carrel", "read"}, other: value{"openssl", "read"},
				unit: seconds, goal: goal{atMost: 1.4}}},
			results: map[string][]result{
				"Carrel": resultsOf("read", 1.5e9, 1.6e9, 1.4e9), "openssl": resultsOf("read", 1.2e9, 1.1e9, 1e9),
			},
		},
		{
			name:   "P7",
			series: []series{{name: "Carrel"}},
			rows: []row{
				{id: "P7", measure: "start", ours: value{"Carrel", "start"}, unit: milliseconds,
					goal: goal{atMost: 100e6, absolute: true}},
				{id: "P7", measure: "memory", ours: value{"Carrel", "memory"}, unit: mebibytes,
					goal: goal{atMost: 40 << 20, absolute: true}},
			},
			results: map[string][]result{"Carrel": resultsOf("start", 120e6)},
		},
	}
	const want = `| | measure | Carrel | other | ratio (lowest–highest) | goal | reached |
|---|---|---|---|---|---|---|
| P1 | pushes | 4,200/s | versitygw: 4,350/s | 0.97 (0.91–1.25) | ≥ 1 | **no** |
| P1 | pushes | 4,200/s | PocketBase: – | – | – | – |
| P2a | on PostgreSQL | 3,550/s | – | – | ≥ 3,500/s | yes |
| P3 | read | 1.50 s | openssl: 1.10 s | 1.36 (1.25–1.45) | ≤ 1.4 | yes |
| P7 | start | 120 ms | – | – | ≤ 100 ms | **no** |
| P7 | memory | – | – | – | ≤ 40 MiB | – |
`
	if got := table(groups); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	const wantFailures = "- P1, versitygw: 1 of 5 runs failed, the figures are those of the others: " +
		"the server says: no space left\n- P1, PocketBase: not measured: give -peers\n"
	if got := failures(groups); got != wantFailures {
		t.Errorf("got:\n%s\nwant:\n%s", got, wantFailures)
	}
	if n := countFailed(groups); n != 1 {
		t.Errorf("%d runs have failed, want 1: what is not measured has not failed", n)
	}
}

// The bounds themselves are reached.
func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		goal   goal
		judged float64
		want   string
	}{
		{goal{atLeast: 1}, 1, "yes"},
		{goal{atLeast: 1}, 0.999, "**no**"},
		{goal{atMost: 1.4}, 1.4, "yes"},
		{goal{atMost: 1.4}, 1.41, "**no**"},
	} {
		if got := tt.goal.verdict(tt.judged); got != tt.want {
			t.Errorf("%+v of %v: %s, want %s", tt.goal, tt.judged, got, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		all  []float64
		want float64
	}{
		{nil, 0},
		{[]float64{3}, 3},
		{[]float64{4, 1}, 2.5},
		{[]float64{9, 1, 2}, 2},
		{[]float64{9, 1, 3, 2}, 2.5},
	} {
		if got := median(tt.all); got != tt.want {
			t.Errorf("median of %v: %v, want %v", tt.all, got, tt.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		unit unit
		n    float64
		want string
	}{
		{perSecond, 0.4, "0.4/s"},
		{perSecond, 99.96, "100/s"},
		{perSecond, 1234567, "1,234,567/s"},
		{perSecond, 999, "999/s"},
		{microseconds, 332400, "332 µs"},
		{milliseconds, 13e6, "13 ms"},
		{milliseconds, 2.64e6, "2.6 ms"},
		{seconds, 1.731e9, "1.73 s"},
		{mebibytes, 33.7 * (1 << 20), "33.7 MiB"},
	} {
		if got := tt.unit.format(tt.n); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.n, got, tt.want)
		}
	}
}

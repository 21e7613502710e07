package bench

import (
	"errors"
	"math"
	"testing"
	"time"
)

// The percentiles are those of all latencies, to three digits.
func TestLatency(t *testing.T) {
	r := newRecorder()
	for i := range 10_000 { // 1 µs to 10 ms
		r.record("", time.Duration(i*7919%10_000+1)*time.Microsecond, 3, nil)
	}
	r.record("", time.Hour, 3, errors.New("refused")) // counts for none of them
	result := r.result(2 * time.Second)
	for _, test := range []struct {
		name      string
		got, want time.Duration
	}{
		{"p50", result.Latency.P50, 5 * time.Millisecond},
		{"p90", result.Latency.P90, 9 * time.Millisecond},
		{"p99", result.Latency.P99, 9900 * time.Microsecond},
		{"p99.9", result.Latency.P999, 9990 * time.Microsecond},
		{"longest", result.Latency.Max, 10 * time.Millisecond},
	} {
		if off := math.Abs(float64(test.got)/float64(test.want) - 1); off > 0.001 {
			t.Errorf("%s is %v, want %v", test.name, test.got, test.want)
		}
	}
	if result.Requests != 10_001 || result.Failed != 1 || result.PerSecond != 5000 || result.BytesPerSecond != 15_000 {
		t.Errorf("%+v", result)
	}
}

// A scatter has each number once.
func TestScatter(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 10, 64, 1000, 1_000_000} {
		order, seen := newScatter(n), make([]bool, n)
		for i := range n {
			k := order.at(i)
			if seen[k] {
				t.Fatalf("of %d numbers %d comes twice", n, k)
			}
			seen[k] = true
		}
	}
}

// The files of the beginning are divided as the flags say.
func TestLibraryOf(t *testing.T) {
	for _, test := range []struct {
		s            state
		largest, min int
	}{
		{state{FilledLibraries: 1, Files: 10, Largest: 5}, 10, 10},
		{state{FilledLibraries: 4, Files: 100}, 25, 25},
		{state{FilledLibraries: 1000, Files: 100_000, Largest: 10_000}, 10_000, 80},
	} {
		count := make([]int, test.s.FilledLibraries)
		for i := range test.s.Files {
			count[test.s.libraryOf(i)]++
		}
		if count[0] != test.largest {
			t.Errorf("%+v: the first library has %d files, want %d", test.s, count[0], test.largest)
		}
		for i, n := range count {
			if n < test.min {
				t.Errorf("%+v: library %d has %d files, want at least %d", test.s, i, n, test.min)
			}
		}
	}
}

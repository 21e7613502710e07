package bench

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency is the distribution of how long requests took. In an open loop each counts from when it was to start, so that
// the wait for a free connection is part of it.
type Latency struct {
	P50  time.Duration `json:"p50Nanoseconds"`
	P90  time.Duration `json:"p90Nanoseconds"`
	P99  time.Duration `json:"p99Nanoseconds"`
	P999 time.Duration `json:"p999Nanoseconds"`
	Max  time.Duration `json:"maxNanoseconds"`
}

// The range and the precision of histograms: three digits.
const (
	minLatency    = time.Microsecond
	maxLatency    = time.Hour
	latencyDigits = 3
)

// A tally counts requests of one kind.
type tally struct {
	histogram *hdrhistogram.Histogram
	longest   time.Duration
	content   int64 // of those that have not failed
	failed    int
}

func newTally() *tally {
	return &tally{histogram: hdrhistogram.New(int64(minLatency), int64(maxLatency), latencyDigits)}
}

func (t *tally) add(took time.Duration, content int64) {
	_ = t.histogram.RecordValue(int64(min(took, maxLatency))) // never out of range
	t.longest = max(t.longest, took)
	t.content += content
}

func (t *tally) succeeded() int { return int(t.histogram.TotalCount()) }

func (t *tally) latency() Latency {
	// The histogram rounds up to its precision.
	at := func(percentile float64) time.Duration {
		return min(time.Duration(t.histogram.ValueAtPercentile(percentile)), t.longest)
	}
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: t.longest}
}

// A recorder gathers what came of the requests of a run.
type recorder struct {
	mu           sync.Mutex
	all          *tally
	kinds        map[string]*tally
	firstFailure error
}

func newRecorder() *recorder { return &recorder{all: newTally(), kinds: map[string]*tally{}} }

// record records a request of a kind that took so long and moved so many bytes of content, or has failed with an error.
func (r *recorder) record(kind string, took time.Duration, content int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tallies := []*tally{r.all}
	if kind != "" {
		of := r.kinds[kind]
		if of == nil {
			of = newTally()
			r.kinds[kind] = of
		}
		tallies = append(tallies, of)
	}
	for _, t := range tallies {
		if err != nil {
			t.failed++
		} else {
			t.add(took, content)
		}
	}
	if r.firstFailure == nil {
		r.firstFailure = err
	}
}

// result returns the part of a result that was recorded.
func (r *recorder) result(took time.Duration) Result {
	rate := func(n float64) float64 { return n / took.Seconds() }
	result := Result{
		Requests:       r.all.succeeded() + r.all.failed,
		Failed:         r.all.failed,
		Took:           took,
		PerSecond:      rate(float64(r.all.succeeded())),
		BytesPerSecond: rate(float64(r.all.content)),
		Latency:        r.all.latency(),
		firstFailure:   r.firstFailure,
	}
	if len(r.kinds) > 0 {
		result.Kinds = map[string]Kind{}
	}
	for name, t := range r.kinds {
		result.Kinds[name] = Kind{Requests: t.succeeded() + t.failed, Failed: t.failed,
			PerSecond: rate(float64(t.succeeded())), Latency: t.latency()}
	}
	return result
}

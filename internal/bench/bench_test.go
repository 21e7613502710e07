package bench_test

import (
	"testing"

	"github.com/carrelhq/carrel/internal/bench"
)

// The scenario runs, every push succeeds, and the figures are consistent. Their size is
// for carrel bench to report, on a quiet machine.
func TestPush(t *testing.T) {
	var steps []string
	r, err := bench.Push(t.Context(),
		bench.Config{Folder: t.TempDir(), Clients: 8, Pushes: 200, Size: 4 << 10, Libraries: 5},
		func(step string) { steps = append(steps, step) })
	if err != nil {
		t.Fatal(err)
	}
	if r.Pushes != 200 || r.PerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.Max > r.Took {
		t.Errorf("the figures do not hang together: %+v", r)
	}
	if r.SyncsBefore <= 0 || r.SyncsAfter <= 0 || r.Own <= 0 {
		t.Errorf("nothing was measured of the machine: %+v", r)
	}
	if len(steps) != 3 {
		t.Errorf("steps %q", steps)
	}
}

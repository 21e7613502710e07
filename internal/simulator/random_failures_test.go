package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"
)

// About the given share of the requests fails, and the same ones for the same seed. The record has
// the result of each request.
func TestRandomFailures(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	quick := slices.DeleteFunc(slices.Clone(ResourceModes[1:]),
		func(m ResourceMode) bool { return m == ResourceEndless || m == ResourceClosed })
	n.s.SetBehaviour("", Behaviour{Slow: time.Millisecond, Late: time.Millisecond})
	round := func(seed uint64) (modes []ResourceMode) {
		n.s.SetRandomFailures(0.33, seed, quick...)
		n.s.ResetRecord()
		for i := range 200 {
			_, _ = n.do(c.request(http.MethodPost, "", measurementsBundle("batch", strconv.Itoa(i))))
		}
		filed := 0
		for _, a := range n.s.ResourceRequests() {
			modes = append(modes, a.Mode)
			if a.Filed {
				filed++
			}
		}
		if len(n.s.Filed()) != filed {
			t.Errorf("%d filings, but %d requests were filed", len(n.s.Filed()), filed)
		}
		return modes
	}
	first, again, other := round(1), round(1), round(2)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Error("the same seed gave other failures, or another seed gave the same ones")
	}
	failed := 0
	for _, f := range first {
		if f != ResourceOK {
			failed++
		}
	}
	if failed < 40 || failed > 95 {
		t.Errorf("%d of 200 failed", failed)
	}
	n.s.SetRandomFailures(0, 0)
	if got := c.send(http.MethodPost, "", measurementsBundle("batch", "last")); got.status != http.StatusOK {
		t.Errorf("without random failures: %d", got.status)
	}
	n.assertNoViolations()
}

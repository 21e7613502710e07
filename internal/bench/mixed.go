package bench

import (
	"context"
	"fmt"
)

// Mixed measures pushes (70 %), reads (20 %), lists (5 %) and refreshes (5 %) at once.
func Mixed(ctx context.Context, c Config, progress func(string)) (Result, error) {
	return measure(ctx, c, needs{reads: true, files: c.filesToRead()}, progress, newMixedScenario)
}

// mix has the kinds of twenty requests, which are repeated.
var mix = [20]string{"push", "push", "read", "push", "push", "push", "list", "push", "read", "push", "push", "push",
	"read", "push", "push", "refresh", "push", "push", "read", "push"}

type mixedScenario struct{ kinds map[string]Scenario }

func newMixedScenario(c Config, of carrel) Scenario {
	c.Session = c.Session || c.Server != ""
	return mixedScenario{map[string]Scenario{
		"push":    newPushScenario(c, of),
		"read":    newReadScenario(c, of),
		"list":    newListScenario(c, of),
		"refresh": newRefreshScenario(c, of),
	}}
}

// Name implements [Scenario].
func (mixedScenario) Name() string { return "mixed" }

// Requests implements [Scenario].
func (s mixedScenario) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	count := map[string]int{}
	for i := range n {
		count[mix[i%len(mix)]]++
	}
	made := map[string][]Request{}
	for kind, scenario := range s.kinds {
		if count[kind] == 0 {
			continue
		}
		requests, err := scenario.Requests(ctx, count[kind], progress)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", kind, err)
		}
		made[kind] = requests
	}
	requests := make([]Request, n)
	for i := range requests {
		kind := mix[i%len(mix)]
		requests[i] = made[kind][0]
		requests[i].Kind, made[kind] = kind, made[kind][1:]
	}
	return requests, nil
}

// Check implements [Scenario].
func (s mixedScenario) Check(r *Request, a Answer) error { return s.kinds[r.Kind].Check(r, a) }

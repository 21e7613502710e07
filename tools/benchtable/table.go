package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// sample has the numbers that one run has measured, by their names.
type sample map[string]float64

// result is a sample, or why there is none.
type result struct {
	sample sample
	err    error
}

// errMissing says that something is not measured, because a program is missing that is
// not needed for the rest. It is no failure.
var errMissing = errors.New("not measured")

// value names a number of a series. Without a name of a series it is none.
type value struct{ series, number string }

// goal is a bound of the ratio, or of Carrel's figure if it is absolute. Zero is no bound.
type goal struct {
	atLeast, atMost float64
	absolute        bool
}

// row is a line of the table.
type row struct {
	id, measure string
	ours, other value
	otherName   string // of the other figure; that of its series if empty
	unit        unit
	goal        goal
}

// table prints the rows of all groups in Markdown.
func table(groups []group) string {
	var b strings.Builder
	b.WriteString("| | measure | Carrel | other | ratio (lowest–highest) | goal | reached |\n")
	b.WriteString("|---|---|---|---|---|---|---|\n")
	for _, g := range groups {
		for _, r := range g.rows {
			b.WriteString("| " + strings.Join(r.cells(g.results), " | ") + " |\n")
		}
	}
	return b.String()
}

// cells are the columns of a row; those without a figure have a dash.
func (r row) cells(results map[string][]result) []string {
	ours, okOurs := medianOf(results[r.ours.series], r.ours.number)
	other, okOther := medianOf(results[r.other.series], r.other.number)
	cells := []string{r.id, r.measure, "–", "–", "–", r.goalText(), "–"}
	if okOurs {
		cells[2] = r.unit.format(ours)
	}
	if name := cmp.Or(r.otherName, r.other.series); okOther {
		cells[3] = name + ": " + r.unit.format(other)
	} else if name != "" {
		cells[3] = name + ": –"
	}
	if okOurs && okOther && other != 0 {
		cells[4] = ratioText(ours/other, pairs(results[r.ours.series], results[r.other.series], r))
	}
	if judged, ok := r.judged(ours, other, okOurs, okOther); ok {
		cells[6] = r.goal.verdict(judged)
	}
	return cells
}

// judged returns what the goal bounds; false if there is no goal, or nothing was measured.
func (r row) judged(ours, other float64, okOurs, okOther bool) (float64, bool) {
	switch {
	case r.goal == goal{} || !okOurs:
		return 0, false
	case r.goal.absolute:
		return ours, true
	case !okOther || other == 0:
		return 0, false
	}
	return ours / other, true
}

func (g goal) verdict(judged float64) string {
	if (g.atLeast != 0 && judged < g.atLeast) || (g.atMost != 0 && judged > g.atMost) {
		return "**no**"
	}
	return "yes"
}

// goalText is the bound, in the unit of what it bounds.
func (r row) goalText() string {
	format := func(f float64) string { return fmt.Sprintf("%.4g", f) }
	if r.goal.absolute {
		format = r.unit.format
	}
	switch {
	case r.goal.atLeast != 0:
		return "≥ " + format(r.goal.atLeast)
	case r.goal.atMost != 0:
		return "≤ " + format(r.goal.atMost)
	}
	return "–"
}

func ratioText(ratio float64, pairs []float64) string {
	if len(pairs) < 2 {
		return fmt.Sprintf("%.2f", ratio)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", ratio, slices.Min(pairs), slices.Max(pairs))
}

// pairs returns the ratio of each round in which both were measured.
func pairs(ours, other []result, r row) (all []float64) {
	for i := range min(len(ours), len(other)) {
		a, okA := ours[i].number(r.ours.number)
		b, okB := other[i].number(r.other.number)
		if okA && okB && b != 0 {
			all = append(all, a/b)
		}
	}
	return all
}

// number returns a number of a run; false if the run failed or did not measure it.
func (r result) number(name string) (float64, bool) {
	if r.err != nil {
		return 0, false
	}
	n, ok := r.sample[name]
	return n, ok && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// medianOf returns the median of a number in the runs that have not failed; false if
// there is none.
func medianOf(results []result, name string) (float64, bool) {
	var all []float64
	for _, r := range results {
		if n, ok := r.number(name); ok {
			all = append(all, n)
		}
	}
	return median(all), len(all) > 0
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	if n := len(all); n%2 == 0 {
		return (all[n/2-1] + all[n/2]) / 2
	}
	return all[len(all)/2]
}

// failures lists each series that has failed, with the first reason, and what was not measured.
func failures(groups []group) string {
	var b strings.Builder
	for _, g := range groups {
		for _, s := range g.series {
			failed, missing, runs := 0, false, len(g.results[s.name])
			var first error
			for _, r := range g.results[s.name] {
				if r.err == nil {
					continue
				}
				first, failed = firstError(first, r.err), failed+1
				missing = missing || errors.Is(r.err, errMissing)
			}
			switch text := ""; {
			case missing:
				fmt.Fprintf(&b, "- %s, %s: %s\n", g.name, s.name, oneLine(first))
			case failed > 0:
				if failed < runs {
					text = ", the figures are those of the others"
				}
				fmt.Fprintf(&b, "- %s, %s: %d of %s failed%s: %s\n",
					g.name, s.name, failed, plural(runs, "run"), text, oneLine(first))
			}
		}
	}
	return b.String()
}

func firstError(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// oneLine is the text of an error in one line of a list.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// countFailed returns how many runs have failed.
func countFailed(groups []group) (n int) {
	for _, g := range groups {
		for _, s := range g.series {
			for _, r := range g.results[s.name] {
				if r.err != nil && !errors.Is(r.err, errMissing) {
					n++
				}
			}
		}
	}
	return n
}

// unit says how a number is printed.
type unit int

const (
	perSecond    unit = iota // requests a second
	microseconds             // from nanoseconds
	milliseconds             // from nanoseconds
	seconds                  // from nanoseconds
	mebibytes                // from bytes
)

func (u unit) format(n float64) string {
	switch u {
	case microseconds:
		return fmt.Sprintf("%s µs", round(n/1e3))
	case milliseconds:
		return fmt.Sprintf("%s ms", round(n/1e6))
	case seconds:
		return fmt.Sprintf("%.2f s", n/1e9)
	case mebibytes:
		return fmt.Sprintf("%s MiB", round(n/(1<<20)))
	}
	return round(n) + "/s"
}

// round prints a number with as many digits as say something, and its thousands apart.
func round(n float64) string {
	if n < 100 {
		return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
	}
	digits := fmt.Sprintf("%.0f", n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

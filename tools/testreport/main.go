// Command testreport reads the output of `go test -json` and prints what a person
// reads of it: the line of each package, the whole output of each failed test
// or build, the reason of each skipped test, and the slowest tests. It ends with
// the counts, and exits with 1 if anything failed.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// An event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // instead of Package where a build is reported
	Test       string
	Output     string
	Elapsed    float64 // in seconds
}

// A unit is a test, or the package itself where test is empty.
type unit struct{ pkg, test string }

// A timing is how long a test took, its subtests included.
type timing struct {
	unit
	seconds float64
}

// Of the tests that took at least minSlow seconds, the maxSlow slowest are printed.
const (
	maxSlow = 10
	minSlow = 0.5
)

type report struct {
	out                     io.Writer
	said                    map[unit][]string // output of tests that have not ended
	skips                   []string
	timings                 []timing
	passed, failed, skipped int
	broken                  bool // a package failed outside its tests
}

func main() {
	r := &report{out: os.Stdout, said: map[unit][]string{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	if !r.close() {
		os.Exit(1)
	}
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.add(e)
			} else {
				fmt.Fprintf(r.out, "%s", line) // go itself complains in plain text
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) add(e event) {
	u := unit{e.Package, e.Test}
	switch e.Action {
	case "output":
		r.said[u] = append(r.said[u], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.broken = true
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(u, e.Action)
		} else {
			r.endTest(u, e.Action)
			r.time(u, e.Elapsed)
		}
	}
}

func (r *report) endTest(u unit, action string) {
	switch action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Fprint(r.out, strings.Join(r.said[u], ""))
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", u.pkg, u.test, reason(r.said[u])))
	}
	delete(r.said, u)
}

// time notes how long a test took; a subtest is part of its test.
func (r *report) time(u unit, seconds float64) {
	if seconds >= minSlow && !strings.Contains(u.test, "/") {
		r.timings = append(r.timings, timing{u, seconds})
	}
}

// endPackage prints the last line of the package and, if it failed, the output
// of the tests that have not ended: one of them panicked or hung.
func (r *report) endPackage(u unit, action string) {
	if action == "fail" {
		r.broken = true
		for test, said := range r.said {
			if test.pkg == u.pkg && test.test != "" {
				fmt.Fprint(r.out, strings.Join(said, ""))
				delete(r.said, test)
			}
		}
		fmt.Fprint(r.out, strings.Join(r.said[u], ""))
	} else if said := r.said[u]; len(said) > 0 {
		fmt.Fprint(r.out, said[len(said)-1])
	}
	delete(r.said, u)
}

// close prints the summary and reports whether nothing failed.
func (r *report) close() bool {
	if len(r.skips) > 0 {
		fmt.Fprintln(r.out, "\nskipped:")
		for _, s := range r.skips {
			fmt.Fprintln(r.out, " ", s)
		}
	}
	if len(r.timings) > 0 {
		slices.SortStableFunc(r.timings, func(a, b timing) int { return cmp.Compare(b.seconds, a.seconds) })
		fmt.Fprintln(r.out, "\nslowest:")
		for _, t := range r.timings[:min(maxSlow, len(r.timings))] {
			fmt.Fprintf(r.out, "  %6.1f s  %s %s\n", t.seconds, t.pkg, t.test)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0 && !r.broken
}

// reason returns the message of a skipped test, without the lines that go adds.
func reason(said []string) string {
	var words []string
	for _, line := range said {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, why, ok := strings.Cut(line, ".go:"); ok {
			_, line, _ = strings.Cut(why, ": ")
		}
		words = append(words, line)
	}
	return strings.Join(words, " ")
}

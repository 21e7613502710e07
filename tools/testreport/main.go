// Command testreport reads the output of `go test -json` and prints a report: a line
// for each package, the output of each failed test or build, the reason of each
// skipped test, the slowest tests, and the counts. It exits with 1 if anything failed.
//
// With -all FILE it also exits with 1 if a test was skipped, and if a test that the file
// names did not pass. Each line of the file has the path of a package and the name of a
// test, with a space between them.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// An event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // set in place of Package in the events of a build
	Test       string
	Output     string
	Elapsed    float64 // in seconds
}

// A unit is a test, or a package if test is empty.
type unit struct{ pkg, test string }

// A timing has the duration of a test, including its subtests.
type timing struct {
	unit
	seconds float64
}

// At most maxSlow of the tests that took at least minSlow seconds are printed.
const (
	maxSlow = 10
	minSlow = 0.5
)

type report struct {
	out                     io.Writer
	output                  map[unit][]string // of tests that have not ended
	skips                   []string
	timings                 []timing
	passed, failed, skipped int
	broken                  bool // a package failed outside its tests

	all     bool          // whether each test of missing has to pass, and none may be skipped
	missing map[unit]bool // the tests that have not passed yet
}

func main() {
	all := flag.String("all", "", "file of the tests that have to pass")
	flag.Parse()
	r := &report{out: os.Stdout, output: map[unit][]string{}}
	if err := errors.Join(r.require(*all), r.read(os.Stdin)); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(2)
	}
	if !r.close() {
		os.Exit(1)
	}
}

// require reads the names of the tests that have to pass from a file, if path is not empty.
func (r *report) require(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	r.all, r.missing = true, map[unit]bool{}
	for line := range strings.Lines(string(text)) {
		pkg, test, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			return fmt.Errorf("%s: want the path of a package and the name of a test on each line, not %q", path, line)
		}
		r.missing[unit{pkg, test}] = true
	}
	return nil
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
				fmt.Fprintf(r.out, "%s", line) // an error message of the go command is not JSON
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
		r.output[u] = append(r.output[u], e.Output)
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
		delete(r.missing, u)
	case "fail":
		r.failed++
		fmt.Fprint(r.out, strings.Join(r.output[u], ""))
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", u.pkg, u.test, reason(r.output[u])))
	}
	delete(r.output, u)
}

// time records the duration of a test. It ignores subtests, which are part of their test.
func (r *report) time(u unit, seconds float64) {
	if seconds >= minSlow && !strings.Contains(u.test, "/") {
		r.timings = append(r.timings, timing{u, seconds})
	}
}

// endPackage prints the last line of the package's output. If the package failed, it
// prints all of it, and the output of the tests that have not ended, because one of
// them panicked or hung.
func (r *report) endPackage(u unit, action string) {
	if action == "fail" {
		r.broken = true
		for test, output := range r.output {
			if test.pkg == u.pkg && test.test != "" {
				fmt.Fprint(r.out, strings.Join(output, ""))
				delete(r.output, test)
			}
		}
		fmt.Fprint(r.out, strings.Join(r.output[u], ""))
	} else if output := r.output[u]; len(output) > 0 {
		fmt.Fprint(r.out, output[len(output)-1])
	}
	delete(r.output, u)
}

// close prints the summary and reports whether everything passed.
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
	if len(r.missing) > 0 {
		fmt.Fprintln(r.out, "\nnot passed:")
		for _, u := range slices.SortedFunc(maps.Keys(r.missing), func(a, b unit) int {
			return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.test, b.test))
		}) {
			fmt.Fprintln(r.out, " ", u.pkg, u.test)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.all && (r.skipped > 0 || len(r.missing) > 0) {
		return false
	}
	return r.failed == 0 && !r.broken
}

// reason returns the message of a skipped test, without the lines that the go command
// adds.
func reason(output []string) string {
	var words []string
	for _, line := range output {
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

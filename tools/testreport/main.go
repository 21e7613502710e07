// Command testreport reads what `go test -json` writes and shows the part of it that
// a person wants to see: the line of each package, everything that a failed
// test or build said, and which tests were skipped, with the reason. It closes
// with the counts, and exits 1 if anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// An event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // instead of Package where a build is reported
	Test       string
	Output     string
}

// A unit is a test, or the package itself where test is empty.
type unit struct{ pkg, test string }

type report struct {
	out                     io.Writer
	said                    map[unit][]string
	skips                   []string
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

// endPackage shows the package's closing line, and all that is left where it
// failed: a test that never ended was the one that panicked or hung.
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

// close prints what the run came to and says whether all went well.
func (r *report) close() bool {
	if len(r.skips) > 0 {
		fmt.Fprintln(r.out, "\nskipped:")
		for _, s := range r.skips {
			fmt.Fprintln(r.out, " ", s)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0 && !r.broken
}

// reason is what a skipped test said, without the lines that go adds.
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

// Command benchtable measures Carrel beside other programs on this machine, and prints a
// table in Markdown: what was measured, Carrel's figure, the other one, their ratio, the
// goal, and whether it is reached. Above the table it describes the machine.
//
// Everything is measured in rounds, and within a round in turn: Carrel, the other
// program, and so on. The figures are the medians of all rounds. Beside the ratio of the
// medians stand the lowest and the highest ratio of one round, which say how much of it
// is the weather of a shared machine.
//
// It starts and stops all servers itself, each with a new folder, and lets the disk
// finish its writes before each run. It exits with 1 if a run has failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	carrel, before, peers string
	folder                string
	rounds                int
	quick                 bool
	only                  string
	putServer             string
}

func main() {
	var o options
	flag.StringVar(&o.carrel, "carrel", "bin/carrel", "the `program` to measure")
	flag.StringVar(&o.before, "before", "", "an older carrel `program` to measure beside it")
	flag.StringVar(&o.peers, "peers", "", "`folder` with the programs of tools/peers, versitygw and base")
	flag.StringVar(&o.folder, "folder", "", "`folder` on the disk to measure; the temporary folder if empty")
	flag.IntVar(&o.rounds, "rounds", 5, "`number` of rounds")
	flag.BoolVar(&o.quick, "quick", false, "one round with small sizes, to see that all of it runs")
	flag.StringVar(&o.only, "only", "", "measures to take, such as P1,P3; all if empty")
	flag.StringVar(&o.putServer, "put-server", "", "only serve PUT requests at this `address`, into -folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, o, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out, progress io.Writer) error {
	if o.putServer != "" {
		return servePut(ctx, o.putServer, o.folder)
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is not a flag: see -help", flag.Arg(0))
	}
	if o.quick {
		o.rounds = 1
	}
	if o.rounds < 1 {
		return fmt.Errorf("-rounds %d: give at least 1", o.rounds)
	}
	p, err := newPrograms(o)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp(o.folder, "benchtable-*")
	if err != nil {
		return fmt.Errorf("make a folder on the disk to measure: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	// PostgreSQL runs as a user of its own, who has to get into its folder.
	if err := os.Chmod(folder, 0o711); err != nil {
		return err
	}
	p.folder = folder
	groups := choose(p.groups(), o.only)
	if len(groups) == 0 {
		return fmt.Errorf("-only %s: there is no such measure; they are P1 to P7", o.only)
	}
	machine, err := inspectMachine(ctx, p)
	if err != nil {
		return err
	}
	for i := range groups {
		if err = measure(ctx, &groups[i], o.rounds, progress); err != nil {
			break // with Ctrl-C: what was measured is printed
		}
	}
	machine.loadAfter = loadAverage()
	fmt.Fprint(out, machine.String())
	fmt.Fprintf(out, "Medians of %s.", plural(o.rounds, "round"))
	if o.quick {
		fmt.Fprint(out, " With -quick the sizes are small, and the figures say nothing.")
	}
	fmt.Fprint(out, "\n\n")
	fmt.Fprint(out, table(groups))
	if failed := failures(groups); failed != "" {
		fmt.Fprint(out, "\n"+failed)
	}
	if err != nil {
		return fmt.Errorf("stopped before the end: %w", err)
	}
	if n := countFailed(groups); n > 0 {
		return fmt.Errorf("%s failed", plural(n, "run"))
	}
	return nil
}

// measure takes all runs of a group, in turn.
func measure(ctx context.Context, g *group, rounds int, progress io.Writer) error {
	g.results = map[string][]result{}
	if g.open != nil {
		closeGroup, err := g.open(ctx)
		if err != nil { // every run of the group fails with it
			for _, s := range g.series {
				g.results[s.name] = append(g.results[s.name], result{err: err})
			}
			return ctx.Err()
		}
		defer closeGroup()
	}
	for round := range rounds {
		for _, s := range g.series {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			began := time.Now()
			sample, err := s.run(ctx)
			if ctx.Err() != nil { // it has not failed by itself
				return ctx.Err()
			}
			g.results[s.name] = append(g.results[s.name], result{sample, err})
			said := fmt.Sprintf("%.1f s", time.Since(began).Seconds())
			if err != nil {
				said = err.Error()
			}
			fmt.Fprintf(progress, "%s  round %d of %d: %s: %s\n", g.name, round+1, rounds, s.name, said)
		}
	}
	return nil
}

// choose returns the groups and rows that only names: "P1" names P1a too. Without one of
// its rows, what a group measures is left out.
func choose(groups []group, only string) (chosen []group) {
	if only == "" {
		return groups
	}
	for _, g := range groups {
		var rows []row
		for _, r := range g.rows {
			for _, id := range strings.Split(only, ",") {
				if id = strings.TrimSpace(id); id != "" && strings.HasPrefix(r.id, id) {
					rows = append(rows, r)
					break
				}
			}
		}
		needed := map[string]bool{}
		for _, r := range rows {
			needed[r.ours.series], needed[r.other.series] = true, true
		}
		var all []series
		for _, s := range g.series {
			if needed[s.name] {
				all = append(all, s)
			}
		}
		if g.rows, g.series = rows, all; len(rows) > 0 {
			chosen = append(chosen, g)
		}
	}
	return chosen
}

// newPrograms finds the programs to measure.
func newPrograms(o options) (*programs, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &programs{self: self, quick: o.quick}
	if p.carrel, err = program(o.carrel); err != nil {
		return nil, fmt.Errorf("-carrel: %w: make build makes bin/carrel", err)
	}
	if o.before != "" {
		if p.before, err = program(o.before); err != nil {
			return nil, fmt.Errorf("-before: %w", err)
		}
	}
	if o.peers != "" {
		var gateway, base error
		p.versitygw, gateway = program(filepath.Join(o.peers, "versitygw"))
		p.pocketbase, base = program(filepath.Join(o.peers, "base"))
		if err := errors.Join(gateway, base); err != nil {
			return nil, fmt.Errorf("-peers: %w: make bench-table makes bin/peers", err)
		}
	}
	return p, nil
}

// program returns the absolute path of a program.
func program(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(path); err != nil {
		return "", err
	} else if info.IsDir() {
		return "", fmt.Errorf("%s is a folder", path)
	}
	return path, nil
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// series is something that is run once in each round.
type series struct {
	name string
	run  func(context.Context) (sample, error)
}

// group has what is run in turn, and the rows that compare it.
type group struct {
	name   string
	series []series
	rows   []row
	// open prepares what all runs need, and returns a function that takes it away; nil for nothing.
	open    func(context.Context) (func(), error)
	results map[string][]result // of each series, one for each round
}

// The names of what is measured.
const (
	carrelSeries    = "Carrel"
	beforeSeries    = "before"
	versitygwSeries = "versitygw"
	putSeries       = "a file server that syncs"
	pocketSeries    = "PocketBase"
)

// size is a number of requests, or another with -quick.
func (p *programs) size(full, quick int) int {
	if p.quick {
		return quick
	}
	return full
}

// groups are all measures.
func (p *programs) groups() []group {
	many := load{clients: 64, requests: p.size(20000, 500), libraries: p.size(1000, 10)}
	one := load{clients: 1, requests: p.size(5000, 100), libraries: p.size(100, 5)}
	// Each library gets one file, so that no push gains from another.
	rare := load{clients: 64, requests: p.size(8000, 100), libraries: p.size(8000, 100)}
	return []group{
		p.pushes("P1", "P1b", "pushes of 4 KiB from 64 clients", many, goals{peer: 1, beforeCPU: 0.65}),
		p.pushes("P1a", "", "pushes of 4 KiB from 1 client", one, goals{peer: 0.6}),
		p.pushes("P1c", "", "pushes of 4 KiB from 64 clients, one for each library", rare, goals{before: 1.2}),
		p.onPostgres("P2a", "pushes on PostgreSQL, 1,000 libraries", many, 3),
		p.onPostgres("P2b", "pushes on PostgreSQL, one library", load{clients: 64, requests: p.size(10000, 300),
			libraries: 1}, 5),
		p.largeFiles(),
		p.tokens(),
		p.manyFiles(),
		p.startsAndMemory(),
	}
}

// goals are the least ratios of the rate, to versitygw and to the older program, and the greatest of the processor time
// to the older program; 0 for none.
type goals struct{ peer, before, beforeCPU float64 }

// pushes compares the pushes of a load with uploads to other servers.
func (p *programs) pushes(id, cpuID, measure string, l load, g goals) group {
	ours := value{carrelSeries, "rate"}
	group := group{
		name: id,
		series: []series{
			{carrelSeries, func(ctx context.Context) (sample, error) { return p.push(ctx, p.carrel, l) }},
			{versitygwSeries, func(ctx context.Context) (sample, error) { return p.s3(ctx, l) }},
			{putSeries, func(ctx context.Context) (sample, error) { return p.put(ctx, l) }},
			{pocketSeries, func(ctx context.Context) (sample, error) { return p.pocketBase(ctx, l) }},
		},
		rows: []row{
			{id: id, measure: measure, ours: ours, other: value{versitygwSeries, "rate"}, goal: goal{atLeast: g.peer}},
			{id: id, measure: measure, ours: ours, other: value{putSeries, "rate"}},
			{id: id, measure: measure, ours: ours, other: value{pocketSeries, "rate"}},
		},
	}
	if cpuID != "" {
		group.rows = append(group.rows, row{id: cpuID, measure: "processor time of each, with its client",
			unit: microseconds, ours: value{carrelSeries, "cpu"}, other: value{versitygwSeries, "cpu"}})
	}
	before := []row{{id: id, measure: measure, ours: ours, goal: goal{atLeast: g.before}}}
	if cpuID != "" {
		before = append(before, row{id: cpuID, measure: "processor time, with its client", unit: microseconds,
			ours: value{carrelSeries, "cpu"}, goal: goal{atMost: g.beforeCPU}})
	}
	p.addBefore(&group, func(ctx context.Context, program string) (sample, error) { return p.push(ctx, program, l) },
		before...)
	return group
}

// addBefore adds the older program to a group, and rows that compare with it, if there is one.
func (p *programs) addBefore(g *group, run func(context.Context, string) (sample, error), rows ...row) {
	if p.before == "" {
		return
	}
	g.series = append(g.series, series{beforeSeries, func(ctx context.Context) (sample, error) {
		return run(ctx, p.before)
	}})
	for _, r := range rows {
		r.other = value{beforeSeries, r.ours.number}
		g.rows = append(g.rows, r)
	}
}

// onPostgres measures pushes on a PostgreSQL server of its own, each time with a new database.
func (p *programs) onPostgres(id, measure string, l load, timesBefore float64) group {
	var server *postgres
	run := func(ctx context.Context, program string) (sample, error) {
		return server.withDatabase(ctx, func(url string) (sample, error) {
			l := l
			l.database = url
			return p.push(ctx, program, l)
		})
	}
	rate := value{carrelSeries, "rate"}
	g := group{
		name:   id,
		series: []series{{carrelSeries, func(ctx context.Context) (sample, error) { return run(ctx, p.carrel) }}},
		rows:   []row{{id: id, measure: measure, ours: rate}},
		open: func(ctx context.Context) (func(), error) {
			var err error
			folder, remove, errFolder := p.newFolder()
			if errFolder != nil {
				return nil, errFolder
			}
			// PostgreSQL's user has to get through it.
			if err := os.Chmod(folder, 0o711); err != nil {
				return nil, err
			}
			if server, err = openPostgres(ctx, folder); err != nil {
				if server != nil {
					server.stop()
				}
				remove()
				return nil, err
			}
			return func() { server.stop(); remove() }, nil
		},
	}
	p.addBefore(&g, run, row{id: id, measure: measure, ours: rate, goal: goal{atLeast: timesBefore}})
	return g
}

// largeFiles compares a large file with what encrypts and writes as much.
func (p *programs) largeFiles() group {
	const openssl, dd = "`openssl enc`", "`dd conv=fsync`"
	size := p.size(1<<30, 8<<20)
	content := filepath.Join(p.folder, "content")
	transfer := func(ctx context.Context, program string) (sample, error) { return p.transfer(ctx, program, 1, size) }
	g := group{
		name: "P3, P4",
		series: []series{
			{carrelSeries, func(ctx context.Context) (sample, error) { return transfer(ctx, p.carrel) }},
			{openssl, func(ctx context.Context) (sample, error) {
				settle(ctx)
				return timed(ctx, "read", "openssl", "enc", "-aes-256-cbc", "-K", fmt.Sprintf("%064d", 1),
					"-iv", fmt.Sprintf("%032d", 1), "-in", content, "-out", os.DevNull)
			}},
			{dd, func(ctx context.Context) (sample, error) {
				path := filepath.Join(p.folder, "dd")
				defer func() { _ = os.Remove(path) }()
				settle(ctx)
				return timed(ctx, "push", "dd", "if="+content, "of="+path, "bs=1M", "conv=fsync")
			}},
		},
		rows: []row{
			{id: "P3", measure: "read of 1 GiB by the Go SDK", ours: value{carrelSeries, "read"},
				other: value{openssl, "read"}, unit: seconds, goal: goal{atMost: 1.4}},
			{id: "P4", measure: "push of 1 GiB by the Go SDK", ours: value{carrelSeries, "push"},
				other: value{dd, "push"}, unit: seconds, goal: goal{atMost: 0.8}},
		},
		open: func(context.Context) (func(), error) {
			return func() { _ = os.Remove(content) }, writeContent(content, int64(size))
		},
	}
	p.addBefore(&g, transfer,
		row{id: "P3", measure: "read of 1 GiB by the Go SDK", ours: value{carrelSeries, "read"}, unit: seconds},
		row{id: "P4", measure: "push of 1 GiB by the Go SDK", ours: value{carrelSeries, "push"}, unit: seconds})
	return g
}

// writeContent writes a file that nothing can compress. It is in the page cache afterwards.
func writeContent(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{}), size); err != nil {
		return err
	}
	return f.Sync()
}

// timed measures how long a program takes.
func timed(ctx context.Context, number, name string, args ...string) (sample, error) {
	began := time.Now()
	_, err := output(ctx, "", name, args...)
	return sample{number: float64(time.Since(began))}, err
}

// tokens compares exchanges of tokens with the signatures that the same processor makes
// in the same run.
func (p *programs) tokens() group {
	l := load{clients: 64, requests: p.size(20000, 200), libraries: p.size(1000, 10)}
	g := group{name: "P5"}
	for _, scenario := range []string{"exchange", "refresh"} {
		measure := "exchanges of a code for tokens, a second and processor"
		if scenario == "refresh" {
			measure = "exchanges of a refresh token, a second and processor"
		}
		g.series = append(g.series, series{scenario, func(ctx context.Context) (sample, error) {
			return p.bench(ctx, p.carrel, scenario, l.args("--requests")...)
		}})
		g.rows = append(g.rows, row{id: "P5", measure: measure, otherName: "RSA-2048 signatures",
			ours: value{scenario, "perProcessor"}, other: value{scenario, "signatures"}, goal: goal{atLeast: 0.5}})
	}
	return g
}

// manyFiles compares a server that has many files with one that has few.
func (p *programs) manyFiles() group {
	const few, full, list = "at 1,000 files", "at 1,000,000 files", "list"
	l := load{clients: 64, requests: p.size(20000, 200), libraries: p.size(1000, 10)}
	fewArgs := []string{"--files", fmt.Sprint(p.size(1000, 50)), "--largest", fmt.Sprint(p.size(100, 5))}
	// It takes minutes to add a million files, so all rounds use the same ones.
	kept := filepath.Join(p.folder, "million")
	fullArgs := []string{"--files", fmt.Sprint(p.size(1000000, 500)), "--largest", fmt.Sprint(p.size(100000, 100)),
		"--keep", kept}
	run := func(scenario string, l load, files []string) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) {
			return p.bench(ctx, p.carrel, scenario, append(l.args("--requests"), files...)...)
		}
	}
	reader := load{clients: 1, requests: p.size(2000, 20), libraries: l.libraries}
	return group{
		name: "P6",
		series: []series{
			{full, run("push", l, fullArgs)},
			{few, run("push", l, fewArgs)},
			{list, run("list", reader, fullArgs)},
		},
		rows: []row{
			{id: "P6", measure: "pushes of 4 KiB at 1,000,000 files", ours: value{full, "rate"},
				other: value{few, "rate"}, goal: goal{atLeast: 0.9}},
			{id: "P6", measure: "page of files, p99, at 1,000,000 files, 100,000 of them in the library",
				ours: value{list, "p99"}, unit: milliseconds, goal: goal{atMost: 20e6, absolute: true}},
		},
		open: func(context.Context) (func(), error) {
			return func() { _ = os.RemoveAll(kept) }, nil
		},
	}
}

// startsAndMemory measures what a server needs that nobody uses, and one that is used.
func (p *programs) startsAndMemory() group {
	const transfers, before = "20 pushes and 20 reads", "20 pushes and 20 reads before"
	files, size := p.size(20, 2), p.size(100<<20, 2<<20)
	many := func(program string) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) { return p.transfer(ctx, program, files, size) }
	}
	rows := []row{
		{id: "P7", measure: "first start, until `/readyz` answers", ours: value{carrelSeries, "first"},
			unit: milliseconds, goal: goal{atMost: 150e6, absolute: true}},
		{id: "P7", measure: "later start, until `/readyz` answers", ours: value{carrelSeries, "later"},
			unit: milliseconds, goal: goal{atMost: 80e6, absolute: true}},
		{id: "P7", measure: "memory of a server that has nothing to do", ours: value{carrelSeries, "idle"},
			unit: mebibytes, goal: goal{atMost: 36 << 20, absolute: true}},
		{id: "P7", measure: "most memory of a server with 20 pushes and 20 reads of 100 MiB at once",
			ours: value{transfers, "peak"}, unit: mebibytes, goal: goal{atMost: 128 << 20, absolute: true}},
	}
	g := group{
		name: "P7",
		series: []series{
			{carrelSeries, func(ctx context.Context) (sample, error) { return p.starts(ctx, p.carrel) }},
			{transfers, many(p.carrel)},
		},
		rows: rows,
	}
	if p.before == "" {
		return g
	}
	// The absolute goals stand beside the older program's figures.
	g.series = append(g.series,
		series{beforeSeries, func(ctx context.Context) (sample, error) { return p.starts(ctx, p.before) }},
		series{before, many(p.before)})
	for i := range g.rows {
		r := &g.rows[i]
		r.other = value{beforeSeries, r.ours.number}
		if r.ours.series == transfers {
			r.other.series, r.otherName = before, beforeSeries
		}
	}
	return g
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// programs are what is measured, and where.
type programs struct {
	self                  string // this program, which is also the file server that syncs
	carrel, before        string // before is empty without an older program
	versitygw, pocketbase string // empty without the programs of tools/peers
	folder                string
	quick                 bool
	next                  int // the number of the next folder
}

// newFolder makes a folder for one run, and returns it with a function that removes it.
func (p *programs) newFolder() (string, func(), error) {
	p.next++
	folder := filepath.Join(p.folder, fmt.Sprintf("run-%d", p.next))
	return folder, func() { _ = os.RemoveAll(folder) }, os.Mkdir(folder, 0o700)
}

// figures is what `carrel bench` prints with --json. The last members are those of
// programs that had no scenarios yet.
type figures struct {
	Requests                 int     `json:"requests"`
	Failed                   int     `json:"failed"`
	PerSecond                float64 `json:"perSecond"`
	CPUPerRequestNanoseconds float64 `json:"cpuPerRequestNanoseconds"`
	Latency                  struct {
		P50Nanoseconds float64 `json:"p50Nanoseconds"`
		P99Nanoseconds float64 `json:"p99Nanoseconds"`
	} `json:"latency"`
	Machine struct {
		RSASignaturesPerSecond float64 `json:"rsaSignaturesPerSecond"`
	} `json:"machine"`

	Pushes          int     `json:"pushes"`
	PushesPerSecond float64 `json:"pushesPerSecond"`
	TookNanoseconds float64 `json:"tookNanoseconds"`
	P50Nanoseconds  float64 `json:"p50Nanoseconds"`
	P99Nanoseconds  float64 `json:"p99Nanoseconds"`
	Own             float64 `json:"own"`
}

// parseFigures reads the JSON of a benchmark.
func parseFigures(text string) (sample, error) {
	var f figures
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return nil, fmt.Errorf("read the JSON of the benchmark: %w: %q", err, text)
	}
	if f.Failed > 0 {
		return nil, fmt.Errorf("%d of %d requests failed", f.Failed, f.Requests)
	}
	if f.Pushes > 0 {
		return sample{"rate": f.PushesPerSecond, "cpu": f.Own * f.TookNanoseconds / float64(f.Pushes),
			"p50": f.P50Nanoseconds, "p99": f.P99Nanoseconds, "requests": float64(f.Pushes)}, nil
	}
	if f.Requests == 0 || f.PerSecond <= 0 {
		return nil, fmt.Errorf("the benchmark has measured nothing: %q", text)
	}
	s := sample{"rate": f.PerSecond, "cpu": f.CPUPerRequestNanoseconds, "requests": float64(f.Requests),
		"p50": f.Latency.P50Nanoseconds, "p99": f.Latency.P99Nanoseconds}
	if f.Machine.RSASignaturesPerSecond > 0 {
		s["signatures"] = f.Machine.RSASignaturesPerSecond
	}
	if f.CPUPerRequestNanoseconds > 0 {
		s["perProcessor"] = 1e9 / f.CPUPerRequestNanoseconds
	}
	return s, nil
}

// bench runs a scenario of `carrel bench`.
func (p *programs) bench(ctx context.Context, program, scenario string, args ...string) (sample, error) {
	settle(ctx)
	args = append([]string{"bench", scenario, "--json", "--folder", p.folder}, args...)
	out, err := output(ctx, p.folder, program, args...)
	if err != nil {
		return nil, err
	}
	return parseFigures(out)
}

// load is a number of pushes.
type load struct {
	clients, requests, libraries int
	database                     string
}

func (l load) args(requests string) []string {
	args := []string{"--clients", fmt.Sprint(l.clients), requests, fmt.Sprint(l.requests), "--size", "4096"}
	if l.libraries > 0 {
		args = append(args, "--libraries", fmt.Sprint(l.libraries))
	}
	if l.database != "" {
		args = append(args, "--database", l.database)
	}
	return args
}

// push pushes into a new server of the program.
func (p *programs) push(ctx context.Context, program string, l load) (sample, error) {
	old, err := hasNoScenarios(ctx, program)
	if err != nil {
		return nil, err
	}
	if !old {
		return p.bench(ctx, program, "push", l.args("--requests")...)
	}
	settle(ctx)
	args := append([]string{"bench", "--json", "--folder", p.folder}, l.args("--pushes")...)
	out, err := output(ctx, p.folder, program, args...)
	if err != nil {
		return nil, err
	}
	return parseFigures(out)
}

// hasNoScenarios reports whether a program's `carrel bench` is only that of pushes.
func hasNoScenarios(ctx context.Context, program string) (bool, error) {
	help, err := output(ctx, "", program, "bench", "--help")
	return !strings.Contains(help, "bench push"), err
}

// with measures a server that is not Carrel: it starts it, lets scenario of `carrel bench`
// load it, and adds the processor time of the server to that of the client.
func (p *programs) with(
	ctx context.Context, scenario string, l load, start func(folder, address string) (*process, []string, error),
) (sample, error) {
	folder, remove, err := p.newFolder()
	if err != nil {
		return nil, err
	}
	defer remove()
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	server, args, err := start(folder, address)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	url := "http://" + address
	if err := server.await(ctx, url+"/", 0); err != nil {
		return nil, err
	}
	before := server.cpu()
	l.libraries, l.database = 0, "" // which only Carrel has
	s, err := p.bench(ctx, p.carrel, scenario, append(append(l.args("--requests"), "--url", url), args...)...)
	if err != nil {
		return nil, fmt.Errorf("%w; the server says: %s", err, lastLines(server.log.String()))
	}
	s["cpu"] += float64(server.cpu()-before) / s["requests"]
	return s, nil
}

// put measures the file server that syncs.
func (p *programs) put(ctx context.Context, l load) (sample, error) {
	return p.with(ctx, "put", l, func(folder, address string) (*process, []string, error) {
		s, err := start(folder, p.self, "-put-server", address, "-folder", folder)
		return s, nil, err
	})
}

// s3 measures versitygw on a folder, which does not sync what it answers for.
func (p *programs) s3(ctx context.Context, l load) (sample, error) {
	if p.versitygw == "" {
		return nil, fmt.Errorf("%w: give -peers, the folder with versitygw", errMissing)
	}
	const access, secret = "bench", "bench-secret"
	return p.with(ctx, "s3", l, func(folder, address string) (*process, []string, error) {
		s, err := start(folder, p.versitygw, "--keep-alive", "--quiet", "--access", access, "--secret", secret,
			"--port", address, "posix", folder)
		return s, []string{"--bucket", "bench", "--access-key", access, "--secret-key", secret}, err
	})
}

// pocketBase measures PocketBase, which does not sync what it answers for.
func (p *programs) pocketBase(ctx context.Context, l load) (sample, error) {
	if p.pocketbase == "" {
		return nil, fmt.Errorf("%w: give -peers, the folder with PocketBase's program base", errMissing)
	}
	const email, password = "bench@example.org", "bench-password"
	return p.with(ctx, "pocketbase", l, func(folder, address string) (*process, []string, error) {
		_, err := output(ctx, folder, p.pocketbase, "superuser", "upsert", email, password, "--dir", folder)
		if err != nil {
			return nil, nil, err
		}
		s, err := start(folder, p.pocketbase, "serve", "--http", address, "--dir", folder)
		return s, []string{"--email", email, "--password", password}, err
	})
}

// transfer pushes and reads large files through a server of the program, with the SDK.
func (p *programs) transfer(ctx context.Context, program string, files, size int) (sample, error) {
	settle(ctx)
	out, err := output(ctx, p.folder, p.carrel, "bench", "transfer", "--json", "--folder", p.folder,
		"--program", program, "--files", fmt.Sprint(files), "--size", fmt.Sprint(size))
	if err != nil {
		return nil, err
	}
	var t struct{ PushNanoseconds, ReadNanoseconds, PeakBytes float64 }
	if err := json.Unmarshal([]byte(out), &t); err != nil {
		return nil, fmt.Errorf("read the JSON of the benchmark: %w: %q", err, out)
	}
	s := sample{"push": t.PushNanoseconds, "read": t.ReadNanoseconds}
	if t.PeakBytes > 0 {
		s["peak"] = t.PeakBytes
	}
	return s, nil
}

// starts starts a server with a new folder, and once more with the same, and measures the
// memory of the second one when it has had nothing to do for a while.
func (p *programs) starts(ctx context.Context, program string) (sample, error) {
	folder, remove, err := p.newFolder()
	if err != nil {
		return nil, err
	}
	defer remove()
	s := sample{}
	for _, name := range []string{"first", "later"} {
		settle(ctx)
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		server, err := start(folder, program, "serve", "--data", filepath.Join(folder, "data"), "--listen", address)
		if err != nil {
			return nil, err
		}
		err = server.await(ctx, "http://"+address+"/readyz", 200)
		s[name] = float64(time.Since(began))
		if err == nil && name == "later" {
			time.Sleep(p.idleTime())
			if idle := server.memory(); idle > 0 {
				s["idle"] = idle
			}
		}
		server.stop()
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// idleTime is how long a server has nothing to do before its memory is measured.
func (p *programs) idleTime() time.Duration {
	if p.quick {
		return 100 * time.Millisecond
	}
	return 5 * time.Second
}

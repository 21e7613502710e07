package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// machine describes where the figures were taken.
type machine struct {
	processors                int
	model, system             string
	loadBefore, loadAfter     string
	syncs, signatures         float64 // a second
	diskBytes, pageCacheBytes float64 // a second
	goVersion, carrel, before string
}

// inspectMachine takes its measures, for some seconds.
func inspectMachine(ctx context.Context, p *programs) (m machine, err error) {
	m = machine{
		processors: runtime.NumCPU(), model: fieldOf("/proc/cpuinfo", "model name"),
		system: runtime.GOOS + "/" + runtime.GOARCH, loadBefore: loadAverage(), goVersion: runtime.Version(),
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.system += ", kernel " + strings.TrimSpace(string(kernel))
	}
	var kib float64
	if _, err := fmt.Sscanf(fieldOf("/proc/meminfo", "MemTotal"), "%f kB", &kib); err == nil {
		m.system += fmt.Sprintf(", %.1f GiB of memory", kib/(1<<20))
	}
	if m.carrel, err = versionOf(ctx, p.carrel); err != nil {
		return m, err
	}
	if p.before != "" {
		if m.before, err = versionOf(ctx, p.before); err != nil {
			return m, err
		}
	}
	var errSyncs, errSignatures, errDisk, errCache error
	m.syncs, errSyncs = syncRate(p.folder, p.probeTime())
	m.signatures, errSignatures = signatureRate(p.probeTime())
	m.diskBytes, errDisk = p.ddRate(ctx, "conv=fsync")
	m.pageCacheBytes, errCache = p.ddRate(ctx)
	return m, errors.Join(errSyncs, errSignatures, errDisk, errCache)
}

// String is the description in Markdown.
func (m machine) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "- "+format+"\n", args...) }
	line("%s (%s); %s", plural(m.processors, "processor"), cmp.Or(m.model, "of an unknown model"), m.system)
	line("load average before %s, after %s", cmp.Or(m.loadBefore, "unknown"), cmp.Or(m.loadAfter, "unknown"))
	line("%s appends of 12 KiB a second, each with an fsync; %s RSA-2048 signatures (PSS) a second on one processor",
		round(m.syncs), round(m.signatures))
	line("%s MB/s written by `dd` with `conv=fsync`, %s MB/s into the page cache",
		round(m.diskBytes/1e6), round(m.pageCacheBytes/1e6))
	line("measured: %s", m.carrel)
	if m.before != "" {
		line("before: %s", m.before)
	}
	line("the table: %s", m.goVersion)
	b.WriteString("\n")
	return b.String()
}

// versionOf returns what a carrel program says of itself.
func versionOf(ctx context.Context, program string) (string, error) {
	out, err := output(ctx, "", program, "version")
	return strings.TrimSpace(out), err
}

// fieldOf returns the value of the first line of a file that begins with a name; "" if
// there is none.
func fieldOf(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

// loadAverage returns how many processes have waited for a processor in the last minute,
// five and fifteen minutes; "" where there is no /proc.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text))
	return strings.Join(fields[:min(3, len(fields))], " ")
}

// probeTime is how long a rate is measured.
func (p *programs) probeTime() time.Duration {
	if p.quick {
		return 50 * time.Millisecond
	}
	return time.Second
}

// syncRate returns how many appends of 12 KiB a second the disk takes, if each is synced
// before the next.
func syncRate(folder string, probe time.Duration) (float64, error) {
	f, err := os.CreateTemp(folder, "probe-*")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	block := bytes.Repeat([]byte("carrel"), 2<<10)
	n, began := 0, time.Now()
	for time.Since(began) < probe {
		_, err := f.Write(block)
		if err := errors.Join(err, f.Sync()); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds(), f.Close()
}

// signatureRate returns how many signatures a second one processor makes.
func signatureRate(probe time.Duration) (float64, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return 0, err
	}
	digest := sha512.Sum512([]byte("carrel"))
	n, began := 0, time.Now()
	for time.Since(began) < probe {
		if _, err := rsa.SignPSS(rand.Reader, key, crypto.SHA512, digest[:], nil); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// ddRate returns how many bytes a second dd writes to the disk.
func (p *programs) ddRate(ctx context.Context, flags ...string) (float64, error) {
	size := int64(1 << 30)
	if p.quick {
		size = 16 << 20
	}
	path := filepath.Join(p.folder, "dd")
	defer func() { _ = os.Remove(path) }()
	args := append([]string{"if=/dev/zero", "of=" + path, "bs=1M", fmt.Sprintf("count=%d", size>>20)}, flags...)
	settle(ctx)
	began := time.Now()
	_, err := output(ctx, "", "dd", args...)
	return float64(size) / time.Since(began).Seconds(), err
}

// settle lets the disk finish the writes of what ran before.
func settle(ctx context.Context) { _, _ = output(ctx, "", "sync") }

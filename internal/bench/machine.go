package bench

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Machine says what the machine could do, and how busy it was: figures of two runs can be compared if this is alike.
type Machine struct {
	CPUs int `json:"cpus"`
	// Busy is the share of all processors' time that was in use during the run, by any process. Own is the number of
	// processors that this process used.
	Busy float64 `json:"busy"`
	Own  float64 `json:"own"`
	// SyncsBefore and SyncsAfter are the disk's serial rate of 12 KiB appends, each with an fsync, right before and
	// after the run.
	SyncsBefore float64 `json:"fsyncsPerSecondBefore"`
	SyncsAfter  float64 `json:"fsyncsPerSecondAfter"`
	// Signatures is how many signatures one processor makes in a second, by PSS with RSA of 2048 bits, right before the
	// run.
	Signatures float64 `json:"rsaSignaturesPerSecond"`
	// LoadAverage is that of the minute before the run; zero where there is none.
	LoadAverage float64 `json:"loadAverage"`
}

// How long the disk and the processor are measured.
var syncTime, signatureTime = time.Second, 300 * time.Millisecond

// measureMachine measures what can be measured before a run.
func measureMachine(folder string) (m Machine, err error) {
	m = Machine{CPUs: runtime.NumCPU(), LoadAverage: readLoadAverage()}
	if m.Signatures, err = signatureRate(); err != nil {
		return Machine{}, err
	}
	m.SyncsBefore, err = SyncRate(folder)
	return m, err
}

// measuredKey is the key that signatureRate signs with.
var measuredKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// signatureRate measures how many RSA signatures one processor makes in a second of its time. Waiting for a processor
// that others use does not count, as it does not count in [Result.CPUPerRequest].
func signatureRate() (float64, error) {
	key, err := measuredKey()
	if err != nil {
		return 0, fmt.Errorf("measure signatures: %w", err)
	}
	hash := sha512.Sum512([]byte("carrel"))
	began, used, n := time.Now(), cpuTime(), 0
	for n == 0 || time.Since(began) < signatureTime {
		if _, err := rsa.SignPSS(rand.Reader, key, crypto.SHA512, hash[:], nil); err != nil {
			return 0, fmt.Errorf("measure signatures: %w", err)
		}
		n++
	}
	took := cpuTime() - used
	if took <= 0 { // it is not measured here
		took = time.Since(began)
	}
	return float64(n) / took.Seconds(), nil
}

// readLoadAverage returns the load average of the last minute; zero where there is none.
func readLoadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0 // not Linux
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	load, _ := strconv.ParseFloat(string(first), 64)
	return load
}

// SyncRate measures how many 12 KiB appends per second the disk of a folder takes if
// each is synced before the next, which is the rate of one commit at a time.
func SyncRate(folder string) (float64, error) {
	f, err := os.CreateTemp(folder, "probe-*")
	if err != nil {
		return 0, fmt.Errorf("probe disk: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	block := bytes.Repeat([]byte("carrel"), 2<<10)
	began, n := time.Now(), 0
	for n == 0 || time.Since(began) < syncTime {
		_, err := f.Write(block)
		if err := errors.Join(err, f.Sync()); err != nil {
			return 0, fmt.Errorf("probe disk: %w", err)
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds(), f.Close()
}

// cpuLoad is processor time that was spent: in total, idle, and by this process.
type cpuLoad struct {
	total, idle float64 // ticks of /proc/stat
	own         time.Duration
	at          time.Time
}

func readCPULoad() cpuLoad {
	l := cpuLoad{own: cpuTime(), at: time.Now()}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return l // not Linux: total and idle stay zero
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	for i, field := range bytes.Fields(line)[1:] {
		ticks, _ := strconv.ParseFloat(string(field), 64)
		l.total += ticks
		if i == 3 || i == 4 { // idle and iowait
			l.idle += ticks
		}
	}
	return l
}

// since returns the share of all processors that was in use between two readings, and
// how many processors this process used.
func (l cpuLoad) since(m cpuLoad) (busy, own float64) {
	if m.total > l.total {
		busy = 1 - (m.idle-l.idle)/(m.total-l.total)
	}
	return busy, (m.own - l.own).Seconds() / m.at.Sub(l.at).Seconds()
}

package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// SyncRate measures how many 12 KiB appends a second the disk of a folder takes when
// each is synced before the next: what one commit at a time could reach.
func SyncRate(folder string) (float64, error) {
	f, err := os.CreateTemp(folder, "probe-*")
	if err != nil {
		return 0, fmt.Errorf("probe disk: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	block := bytes.Repeat([]byte("carrel"), 2<<10)
	began, n := time.Now(), 0
	for time.Since(began) < time.Second {
		_, err := f.Write(block)
		if err := errors.Join(err, f.Sync()); err != nil {
			return 0, fmt.Errorf("probe disk: %w", err)
		}
		n++
	}
	return float64(n) / time.Since(began).Seconds(), f.Close()
}

// load is how much processor time has been spent: by all, idle, and by this process.
type load struct {
	total, idle float64 // ticks of /proc/stat
	own         time.Duration
	at          time.Time
}

func readLoad() load {
	l := load{own: cpuTime(), at: time.Now()}
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return l // not Linux: the shares stay unknown
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

// until is the share of all processors in use between two readings, and this
// process's processors in use.
func (l load) until(m load) (busy, own float64) {
	if m.total > l.total {
		busy = 1 - (m.idle-l.idle)/(m.total-l.total)
	}
	return busy, (m.own - l.own).Seconds() / m.at.Sub(l.at).Seconds()
}

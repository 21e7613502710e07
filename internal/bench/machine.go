package bench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

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
	for time.Since(began) < time.Second {
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

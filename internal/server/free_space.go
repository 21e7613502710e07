package server

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// Reserve is how much of a disk pushes leave free, so that people can sign in, revoke and delete when it is nearly
// full. If it has both bytes and a share, the smaller holds, but no less than what [Server] wants to be ready. The zero
// Reserve reserves nothing.
type Reserve struct {
	Bytes   int64
	Percent int64
}

// of returns the bytes to leave free on a disk.
func (r Reserve) of(total uint64) uint64 {
	bytes := uint64(max(r.Bytes, 0))
	share := total / 100 * uint64(max(r.Percent, 0))
	switch {
	case r.Bytes > 0 && r.Percent > 0:
		return max(min(bytes, share), minFree)
	case r.Percent > 0:
		return share
	default:
		return bytes
	}
}

// folders are those on whose disks the server stores. That of PostgreSQL is not known.
func (s *Server) folders() []string {
	folders := []string{s.config.Blobs}
	if !s.db.Shared() {
		folders = append(folders, filepath.Dir(s.config.Database))
	}
	return folders
}

// roomOfFile is what a file takes in the database at most beside its content, about: metadata, keys and its event.
const roomOfFile = 16 << 10

// quotas returns the quotas, with that of an application from the share of the disk.
func (c Config) quotas() library.QuotaConfig {
	q := c.Quotas
	if c.ApplicationPercent <= 0 {
		return q
	}
	_, total, err := diskSpace(c.Blobs)
	if err != nil {
		c.Log.Warn("the size of the disk is not known, so no share of it bounds an application: give "+
			"--application-quota a size", "error", err)
		return q
	}
	share := int64(total/100) * c.ApplicationPercent
	if q.Application.Bytes == 0 {
		q.Application.Bytes = share
	}
	if q.Application.Files == 0 && c.ApplicationFiles {
		q.Application.Files = max(share/roomOfFile, 1)
	}
	return q
}

// spaceAge is how long a measurement of the free space counts. Until then pushes may use what they can write.
const spaceAge = time.Second

// spaceInterval is how often the free space is measured while nobody pushes, so that the log says when it changes.
const spaceInterval = 5 * time.Second

// A spaceMonitor measures the free space of the disks. It implements [library.FreeSpace].
type spaceMonitor struct {
	folders []string
	reserve Reserve
	log     *slog.Logger

	measuring sync.Mutex // held by the one who measures; the others go on with what is known

	mu         sync.Mutex
	measuredAt time.Time
	low        error
}

func newSpaceMonitor(folders []string, reserve Reserve, log *slog.Logger) *spaceMonitor {
	return &spaceMonitor{folders: folders, reserve: reserve, log: log}
}

// Check implements [library.FreeSpace].
func (m *spaceMonitor) Check() error {
	if m.reserve == (Reserve{}) {
		return nil
	}
	m.mu.Lock()
	low, known, age := m.low, !m.measuredAt.IsZero(), time.Since(m.measuredAt)
	m.mu.Unlock()
	switch {
	case known && age < spaceAge:
		return low
	case !known:
		m.measuring.Lock()
	case !m.measuring.TryLock():
		return low
	}
	defer m.measuring.Unlock()
	return m.measure()
}

func (m *spaceMonitor) measure() error {
	var low error
	var folder string
	var free, reserved uint64
	for _, folder = range m.folders {
		var total uint64
		var err error
		if free, total, err = diskSpace(folder); err != nil {
			continue // a push that cannot be stored says so
		}
		if reserved = m.reserve.of(total); free < reserved {
			low = library.WithMeaning(fmt.Errorf("the disk of %s has %d bytes free, and %d are reserved",
				folder, free, reserved), library.ErrStorageFull)
			break
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch was := m.low; {
	case low != nil && was == nil:
		m.log.Error("a disk is nearly full: pushes are refused until some space on it is free, and all else goes on",
			"folder", folder, "freeBytes", free, "reservedBytes", reserved)
	case low == nil && was != nil:
		m.log.Info("the disks have free space again: pushes are accepted")
	}
	m.low, m.measuredAt = low, time.Now()
	return low
}

package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// Memory stores blobs in memory, for tests. The zero value is empty and ready to use.
// It is safe for concurrent use.
type Memory struct {
	mu    sync.Mutex
	blobs map[string]memoryBlob
}

type memoryBlob struct {
	content []byte
	putAt   time.Time
}

var _ library.Blobs = (*Memory)(nil)

// Put stores everything that r returns.
func (m *Memory) Put(_ context.Context, key string, r io.Reader) (int64, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs == nil {
		m.blobs = map[string]memoryBlob{}
	}
	m.blobs[key] = memoryBlob{content, time.Now().UTC()}
	return int64(len(content)), nil
}

// Open opens a blob for reading.
func (m *Memory) Open(_ context.Context, key string) (io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[key]
	if !ok {
		return nil, fmt.Errorf("open blob %q: %w", key, library.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(b.content)), nil
}

// Delete removes a blob, if it exists.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, key)
	return nil
}

// List calls f for each blob whose key begins with prefix. f may change the blobs.
func (m *Memory) List(_ context.Context, prefix string, f func(key string, at time.Time) error) error {
	m.mu.Lock()
	times := map[string]time.Time{}
	for key, b := range m.blobs {
		if strings.HasPrefix(key, prefix) {
			times[key] = b.putAt
		}
	}
	m.mu.Unlock()
	for key, at := range times {
		if err := f(key, at); err != nil {
			return err
		}
	}
	return nil
}

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
	mu       sync.Mutex
	blobs    map[string]memoryBlob
	setAside map[string]memoryBlob
}

type memoryBlob struct {
	content []byte
	at      time.Time // when it was stored or set aside
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
		if err := m.putBack(key); err != nil {
			return nil, fmt.Errorf("open blob %q: %w", key, library.ErrNotFound)
		}
		b = m.blobs[key]
	}
	return io.NopCloser(bytes.NewReader(b.content)), nil
}

// Delete removes a blob, if it exists, also one that was set aside.
func (m *Memory) Delete(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, key)
	delete(m.setAside, key)
	return nil
}

// SetAside moves a blob to where List does not find it.
func (m *Memory) SetAside(_ context.Context, key string, at time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[key]
	if !ok {
		return fmt.Errorf("set aside blob %q: %w", key, library.ErrNotFound)
	}
	if m.setAside == nil {
		m.setAside = map[string]memoryBlob{}
	}
	m.setAside[key] = memoryBlob{b.content, at.UTC()}
	delete(m.blobs, key)
	return nil
}

// PutBack undoes SetAside.
func (m *Memory) PutBack(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.putBack(key)
}

// putBack is PutBack for a caller that holds the lock.
func (m *Memory) putBack(key string) error {
	b, ok := m.setAside[key]
	if !ok {
		return fmt.Errorf("put back blob %q: %w", key, library.ErrNotFound)
	}
	m.blobs[key] = b
	delete(m.setAside, key)
	return nil
}

// DeleteSetAside removes a blob that was set aside, if it exists.
func (m *Memory) DeleteSetAside(_ context.Context, key string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.setAside, key)
	return nil
}

// List calls f for each blob whose key begins with prefix. f may change the blobs.
func (m *Memory) List(_ context.Context, prefix string, f func(key string, at time.Time) error) error {
	return m.list(&m.blobs, prefix, f)
}

// ListSetAside calls f for each blob that was set aside. f may change the blobs.
func (m *Memory) ListSetAside(_ context.Context, prefix string, f func(key string, at time.Time) error) error {
	return m.list(&m.setAside, prefix, f)
}

func (m *Memory) list(blobs *map[string]memoryBlob, prefix string, f func(key string, at time.Time) error) error {
	m.mu.Lock()
	times := map[string]time.Time{}
	for key, b := range *blobs {
		if strings.HasPrefix(key, prefix) {
			times[key] = b.at
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

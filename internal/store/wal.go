package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The write-ahead log of SQLite (https://www.sqlite.org/walformat.html).
const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	frameSize       = frameHeaderSize + pageSize
	framesAtOnce    = 32 // 132 kB
)

// A walReader reads the pages that are committed to the write-ahead log, each once. It reads the file itself, since
// SQLite has no call for this.
type walReader struct {
	path   string
	file   *os.File // nil until there is one
	salts  uint64   // of the log's present generation
	next   int64    // the first frame that has not been read
	buffer []byte
}

// read calls f for each page that was committed since the last call. A transaction may have changed a page more than
// once.
func (r *walReader) read(f func(number uint32, page []byte)) error {
	if err := r.open(); err != nil || r.file == nil {
		return err
	}
	var header [walHeaderSize]byte
	switch n, err := r.file.ReadAt(header[:], 0); {
	case errors.Is(err, io.EOF) && n < len(header):
		r.next = 0 // a checkpoint has emptied the log
		return nil
	case err != nil:
		return fmt.Errorf("read log: %w", err)
	}
	if size := binary.BigEndian.Uint32(header[8:]); size != pageSize {
		return fmt.Errorf("read log: its pages have %d bytes, want %d", size, pageSize)
	}
	if salts := binary.BigEndian.Uint64(header[16:]); salts != r.salts {
		r.salts, r.next = salts, 0 // the log has started again from its beginning
	}
	for at, end := r.next, false; !end; {
		n, err := r.file.ReadAt(r.buffer, walHeaderSize+at*frameSize)
		if end = errors.Is(err, io.EOF); err != nil && !end {
			return fmt.Errorf("read log: %w", err)
		}
		frames := r.buffer[:n/frameSize*frameSize]
		for len(frames) > 0 {
			frame := frames[:frameSize]
			frames = frames[frameSize:]
			if binary.BigEndian.Uint64(frame[8:]) != r.salts {
				return nil // left from an earlier generation
			}
			f(binary.BigEndian.Uint32(frame), frame[frameHeaderSize:])
			at++
			if binary.BigEndian.Uint32(frame[4:]) != 0 {
				// The end of a transaction. What stands behind the last one was rolled back, and is overwritten.
				r.next = at
			}
		}
	}
	return nil
}

func (r *walReader) open() error {
	if r.file != nil {
		return nil
	}
	file, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read log: %w", err)
	}
	r.file, r.buffer = file, make([]byte, framesAtOnce*frameSize)
	return nil
}

func (r *walReader) close() {
	if r.file != nil {
		_ = r.file.Close() // it was only read
	}
}

package wire

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// A long content is written while the next parts of it are read. What has arrived is handed over at once. If it has to
// wait, because the source is faster, it is decrypted meanwhile on a goroutine of its own.
const (
	longContent    = 256 << 10 // what is longer is read ahead
	aheadBuffer    = 256 << 10
	aheadBuffers   = 3
	maxWritesAhead = 4
)

// writesAhead has a place for each content that is read ahead, so that memory does not grow with their number.
var writesAhead = make(chan struct{}, maxWritesAhead)

var aheadBufferPool = sync.Pool{New: func() any { b := make([]byte, aheadBuffer); return &b }}

// writeAhead writes the rest of the content to w. It returns false if there is no place for it.
func (e *envelopeReader) writeAhead(w io.Writer) (written int64, ok bool, err error) {
	select {
	case writesAhead <- struct{}{}:
		defer func() { <-writesAhead }()
	default:
		return 0, false, nil
	}
	var (
		free    = make(chan *[]byte, aheadBuffers)
		read    = make(chan *segment, aheadBuffers)
		stop    = make(chan struct{})
		waiting atomic.Int32 // segments that were read and are not yet written
	)
	for range aheadBuffers {
		free <- aheadBufferPool.Get().(*[]byte)
	}
	defer func() {
		close(stop)
		for s := range read { // until the goroutine below has ended
			s.decrypt(e.block) // or waits for who does it
			free <- s.buffer
		}
		for len(free) > 0 {
			buffer := <-free
			clear(*buffer)
			aheadBufferPool.Put(buffer)
		}
	}()
	go func() {
		defer close(read)
		for ended := false; !ended; {
			var buffer *[]byte
			select {
			case <-stop:
				return
			case buffer = <-free:
			}
			select {
			case <-stop: // which came first
				return
			default:
			}
			s := e.next(*buffer)
			s.buffer, ended = buffer, s.last || s.err != nil
			if waiting.Add(1) > 1 {
				go s.decrypt(e.block)
			}
			read <- s // does not block: there are as many places as buffers
		}
	}()
	for s := range read {
		s.decrypt(e.block)
		n, err := writePlain(w, s.data)
		written += int64(n)
		waiting.Add(-1)
		e.err = s.err
		free <- s.buffer
		if err != nil {
			e.err = err
			return written, true, err
		}
	}
	if errors.Is(e.err, io.EOF) {
		return written, true, nil
	}
	return written, true, e.err
}

package carreltest

import (
	"strings"
	"sync"
)

// Log is a log that a test reads while it is written.
type Log struct {
	mu   sync.Mutex
	text strings.Builder // whose text is read without being copied
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Contains reports whether the log holds a text.
func (l *Log) Contains(text string) bool { return strings.Contains(l.String(), text) }

// Lines returns the lines that hold a text, which has no end of a line in it.
func (l *Log) Lines(text string) (lines []string) {
	for rest := l.String(); rest != ""; {
		at := strings.Index(rest, text)
		if at < 0 {
			break
		}
		begin, end := strings.LastIndexByte(rest[:at], '\n')+1, len(rest)
		if n := strings.IndexByte(rest[at:], '\n'); n >= 0 {
			end = at + n + 1
		}
		lines, rest = append(lines, rest[begin:end]), rest[end:]
	}
	return lines
}

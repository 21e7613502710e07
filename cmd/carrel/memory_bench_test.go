package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/demo"
)

// BenchmarkLargeFile pushes a gibibyte into a server of its own process and reads it
// back, and reports the server's peak resident memory from its start on, consent and
// password hashing included.
func BenchmarkLargeFile(b *testing.B) {
	transfer(b, 1, 1<<30)
}

// BenchmarkManyLargeFiles does the same with 20 files of 50 MiB at once.
func BenchmarkManyLargeFiles(b *testing.B) {
	transfer(b, 20, 50<<20)
}

// BenchmarkLargeFilesBothWays pushes 20 files of 100 MiB while 20 others are read, and reports as BenchmarkLargeFile.
func BenchmarkLargeFilesBothWays(b *testing.B) {
	const files, size = 20, 100 << 20
	c := newCrasher(b, filepath.Join(b.TempDir(), "carrel.db"))
	p := c.start(b)
	c.someoneNew(b)
	pieces := newPieces()
	want := pieces.sum(size)
	atOnce(b, files, func(n int) error { return c.pushLarge(b, pieces, size, n) })
	session, listed := c.files(b)
	for b.Loop() {
		atOnce(b, 2*files, func(n int) error {
			if n < files {
				return readLarge(b, session, listed[n].Name, want)
			}
			return c.pushLarge(b, pieces, size, n)
		})
	}
	b.ReportMetric(peakMemory(b, p), "peak-MiB")
}

// pushLarge pushes a file of pieces, with its number as its reference.
func (c *crasher) pushLarge(b *testing.B, pieces pieces, size int64, n int) error {
	return c.writer.Push(b.Context(), digime.PushInput{
		Data: pieces.reader(size), MIMEType: "application/octet-stream",
		AccountID: "bench", Reference: []string{fmt.Sprint(n)},
	})
}

// readLarge reads a file, and compares its SHA-256.
func readLarge(b *testing.B, session *digime.Session, name digime.FileName, want []byte) error {
	file, err := session.OpenFile(b.Context(), name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return err
	}
	if !bytes.Equal(h.Sum(nil), want) {
		return fmt.Errorf("file %s differs from what was pushed", name)
	}
	return nil
}

// files starts a session and returns what it lists.
func (c *crasher) files(b *testing.B) (*digime.Session, []digime.FileEntry) {
	b.Helper()
	session, err := c.reader.StartSession(b.Context(), digime.SessionOptions{})
	if err != nil {
		b.Fatal(err)
	}
	list, err := session.ListFiles(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return session, list.Files
}

func transfer(b *testing.B, files int, size int64) {
	c := newCrasher(b, filepath.Join(b.TempDir(), "carrel.db"))
	p := c.start(b)
	c.someoneNew(b)
	pieces := newPieces()
	want := pieces.sum(size)
	for b.Loop() {
		began := time.Now()
		atOnce(b, files, func(n int) error {
			return c.pushLarge(b, pieces, size, n)
		})
		pushed := time.Since(began)
		session, listed := c.files(b)
		began = time.Now()
		latest := listed[len(listed)-files:]
		atOnce(b, files, func(n int) error {
			return readLarge(b, session, latest[n].Name, want)
		})
		mib := float64(files) * float64(size) / (1 << 20)
		b.ReportMetric(mib/pushed.Seconds(), "push-MiB/s")
		b.ReportMetric(mib/time.Since(began).Seconds(), "read-MiB/s")
	}
	b.ReportMetric(peakMemory(b, p), "peak-MiB")
}

// someoneNew creates a library on the pages, so that the measured process has hashed
// passwords as well.
func (c *crasher) someoneNew(b *testing.B) {
	b.Helper()
	client, err := digime.New(c.application, digime.WithServer("http://"+c.address))
	if err != nil {
		b.Fatal(err)
	}
	person := demo.NewScriptedVisitor("new@example.org", "a password that nobody guesses")
	c.consent(b, client, person, "write", digime.UserAccessToken{})
}

func atOnce(b *testing.B, n int, f func(int) error) {
	b.Helper()
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			if err := f(i); err != nil {
				b.Error(err)
			}
		})
	}
	wait.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// peakMemory returns the peak resident memory of the process, in MiB.
func peakMemory(b testing.TB, p *process) float64 {
	b.Helper()
	return memoryOf(b, p, "VmHWM:")
}

// memoryOf returns a line of the status of the process, in MiB.
func memoryOf(b testing.TB, p *process, name string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Skipf("no /proc here: %v", err)
	}
	_, rest, ok := strings.Cut(string(status), name)
	if !ok {
		b.Fatalf("no %s in /proc", name)
	}
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

// pieces gives contents of any length by repeating one random mebibyte.
type pieces struct{ one []byte }

func newPieces() pieces {
	one := make([]byte, 1<<20)
	_, _ = rand.Read(one)
	return pieces{one}
}

func (p pieces) reader(size int64) io.Reader {
	return io.LimitReader(&repeating{content: p.one}, size)
}

func (p pieces) sum(size int64) []byte {
	h := sha256.New()
	_, _ = io.Copy(h, p.reader(size))
	return h.Sum(nil)
}

type repeating struct {
	content []byte
	at      int
}

func (r *repeating) Read(b []byte) (int, error) {
	n := copy(b, r.content[r.at:])
	r.at = (r.at + n) % len(r.content)
	return n, nil
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"mime"
	"os"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/carrelhq/carrel/digime"
)

type clientPush struct {
	credentials
	Contract  string   `help:"Contract: its name in the credentials file, or its id." default:"write"`
	File      string   `arg:"" help:"File to push; - for standard input."`
	MIMEType  string   `help:"Type of the content; guessed by the file's name if missing." name:"mime-type"`
	AccountID string   `help:"The person's account in your own system." default:"client"`
	Reference []string `help:"Name for the file; repeat for more. Its own name if missing." sep:"none"`
	Tag       []string `help:"Label to select the file by later; repeat for more." sep:"none"`
	JSON      bool     `help:"Print JSON."`
}

// Help is what --help adds.
func (clientPush) Help() string {
	return `Examples:

  carrel client push letter.pdf --account-id patient-42 --tag letters
  pg_dump clinic | carrel client push - --mime-type application/sql --reference clinic.sql

Nothing is held in memory: a file may have any size.`
}

// Run pushes the file.
func (c *clientPush) Run(ctx context.Context) error {
	user, err := c.user(c.Contract)
	if err != nil {
		return err
	}
	file, size := os.Stdin, int64(-1)
	reference := c.Reference
	if c.File != "-" {
		if file, err = os.Open(c.File); err != nil {
			return fmt.Errorf("push: %w", err)
		}
		defer func() { _ = file.Close() }()
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		if reference == nil {
			reference = []string{filepath.Base(c.File)}
		}
	}
	start := time.Now()
	data := &watchedFile{File: file, bar: newBar(size, "push")}
	mimeType := cmp.Or(c.MIMEType, mime.TypeByExtension(filepath.Ext(c.File)), "application/octet-stream")
	err = user.Push(ctx, digime.PushInput{
		Data: data, MIMEType: mimeType, AccountID: c.AccountID, Reference: reference, Tags: c.Tag,
	})
	_ = data.bar.Exit() // clears its line of the terminal
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(map[string]any{
			"reference": reference, "bytes": data.sent, "milliseconds": time.Since(start).Milliseconds(),
		})
	}
	fmt.Printf("Pushed %s in %s.\n", count(data.sent, "byte"), time.Since(start).Round(time.Millisecond))
	return nil
}

// watchedFile shows its progress while it is read. It can seek, so that it can be sent again.
type watchedFile struct {
	*os.File
	bar  *progressbar.ProgressBar
	sent int64
}

// Read reads from the file and moves the bar.
func (w *watchedFile) Read(p []byte) (int, error) {
	n, err := w.File.Read(p)
	w.sent += int64(n)
	_ = w.bar.Add(n) // an error of the bar does not matter
	return n, err
}

// Seek moves the file and the bar.
func (w *watchedFile) Seek(offset int64, whence int) (int64, error) {
	at, err := w.File.Seek(offset, whence)
	if err == nil {
		w.sent = at
		_ = w.bar.Set64(at)
	}
	return at, err
}

// WriteTo replaces that of the file, which would not move the bar.
func (w *watchedFile) WriteTo(out io.Writer) (int64, error) {
	return io.Copy(out, struct{ io.Reader }{w})
}

// newBar returns a progress bar on standard error, which is invisible if that is not a terminal. A size of -1 means
// unknown. The bar is drawn when it moves and has no timer, which would be a data race.
func newBar(size int64, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))))
}

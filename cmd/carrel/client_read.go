package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

type clientRead struct {
	credentials
	Contract string `help:"Contract: its name in the credentials file, or its id." default:"read"`
	Name     string `arg:"" optional:"" help:"File to read: its name in the list, or a reference of its pusher's."`
	Output   string `help:"Where to write it: a file, or - for standard output." short:"o" default:"-"`
	All      string `help:"Read all files, into this folder." type:"path" placeholder:"FOLDER"`
	JSON     bool   `help:"Print what is known of each file as JSON; with --all or --output FILE."`
}

// Help is what --help adds.
func (clientRead) Help() string {
	return `Examples:

  carrel client read letter.pdf --output copy.pdf
  carrel client read --all library/

A file appears under its name only once its end has been checked.`
}

// Run reads the file or files.
func (c *clientRead) Run(ctx context.Context) error {
	if (c.Name == "") == (c.All == "") {
		return errors.New("give the name of a file, or --all FOLDER")
	}
	conn, err := c.connect(c.Contract)
	if err != nil {
		return err
	}
	user, err := conn.user()
	if err != nil {
		return err
	}
	session, err := user.StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		return err
	}
	if c.All != "" {
		return c.readAll(ctx, session)
	}
	name, err := c.find(ctx, session)
	if err != nil {
		return err
	}
	file, err := session.OpenFile(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // every error has shown in reading
	if c.Output == "-" {
		_, err = io.Copy(os.Stdout, file)
		return err
	}
	return c.save(file, c.Output)
}

// find is the file that has the name, or else the newest that its pusher gave the
// name to.
func (c *clientRead) find(ctx context.Context, session *digime.Session) (digime.FileName, error) {
	list, err := completeList(ctx, session)
	if err != nil {
		return "", err
	}
	slices.SortStableFunc(list.Files, func(a, b digime.FileEntry) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	for _, f := range list.Files {
		if string(f.Name) == c.Name {
			return f.Name, nil
		}
	}
	for _, f := range list.Files {
		metadata, err := session.GetFileMetadata(ctx, f.Name)
		if err != nil {
			return "", err
		}
		if metadata.Raw != nil && slices.Contains(metadata.Raw.Reference, c.Name) {
			return f.Name, nil
		}
	}
	return "", fmt.Errorf("nothing that may be read is called %q: see carrel client list", c.Name)
}

func (c *clientRead) readAll(ctx context.Context, session *digime.Session) error {
	if err := os.MkdirAll(c.All, 0o700); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	var all []error
	n := 0
	for file, err := range session.Files(ctx) {
		if err == nil {
			err = c.save(file, filepath.Join(c.All, filepath.Base(string(file.Name))))
		}
		if err != nil {
			all = append(all, err)
			continue
		}
		n++
	}
	if !c.JSON {
		fmt.Printf("%d files are in %s.\n", n, c.All)
	}
	return errors.Join(all...)
}

// save writes the content under another name first: what has the right name is
// whole.
func (c *clientRead) save(file *digime.File, path string) error {
	out, err := os.CreateTemp(filepath.Dir(path), ".carrel-*")
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	bar := newBar(file.ContentLength, "read")
	n, err := io.Copy(io.MultiWriter(out, bar), file)
	_ = bar.Exit() // the terminal's line
	err = errors.Join(err, out.Close())
	if err == nil {
		err = os.Rename(out.Name(), path)
	}
	if err != nil {
		_ = os.Remove(out.Name()) // the first error says enough
		return fmt.Errorf("read: %w", err)
	}
	if c.JSON {
		return printJSON(fileView{Name: file.Name, Path: path, Bytes: n, Raw: file.Metadata.Raw, Mapped: file.Metadata.Mapped})
	}
	if c.All == "" {
		fmt.Printf("Read %d bytes into %s.\n", n, path)
	}
	return nil
}

// fileView is what a program gets of a file.
type fileView struct {
	Name    digime.FileName        `json:"name"`
	Updated wire.Millis            `json:"updatedDate,omitempty"`
	Path    string                 `json:"path,omitempty"`
	Bytes   int64                  `json:"bytes,omitempty"`
	Raw     *digime.RawMetadata    `json:"raw,omitempty"`
	Mapped  *digime.MappedMetadata `json:"mapped,omitempty"`
}

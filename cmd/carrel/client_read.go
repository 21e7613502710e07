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
	"github.com/carrelhq/carrel/internal/outfile"
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

A file appears under its name only once its end has been checked. A link, a device or a pipe at that name is written
into instead, and stays.`
}

// Run reads the file or files.
func (c *clientRead) Run(ctx context.Context) error {
	if (c.Name == "") == (c.All == "") {
		return errors.New("give the name of a file, or --all FOLDER")
	}
	user, err := c.user(c.Contract)
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
	defer func() { _ = file.Close() }() // the reader has seen every error
	if c.Output == "-" {
		_, err = io.Copy(os.Stdout, file)
		return err
	}
	return c.save(file, c.Output, outfile.Replace)
}

// find returns the file with the name or, if there is none, the newest file with the name as a reference.
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
			err = c.save(file, filepath.Join(c.All, filepath.Base(string(file.Name))), outfile.ReplaceRegular)
		}
		if err != nil {
			all = append(all, err)
			continue
		}
		n++
	}
	if !c.JSON {
		fmt.Printf("%s in %s.\n", plural(n, "1 file is", fmt.Sprintf("%d files are", n)), c.All)
	}
	return errors.Join(all...)
}

// save writes the content to a file. With a replacing function of package outfile a regular file with the right name is
// complete.
func (c *clientRead) save(file *digime.File, path string, replace func(string, func(io.Writer) error) error) error {
	bar := newBar(file.ContentLength, "read")
	var n int64
	err := replace(path, func(w io.Writer) (err error) {
		n, err = io.Copy(io.MultiWriter(w, bar), file)
		return err
	})
	_ = bar.Exit() // clears its line of the terminal
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if c.JSON {
		m := file.Metadata
		return printJSON(fileView{Name: file.Name, Path: path, Bytes: n, Raw: m.Raw, Mapped: m.Mapped})
	}
	if c.All == "" {
		fmt.Printf("Read %s into %s.\n", count(n, "byte"), path)
	}
	return nil
}

// fileView is the JSON that is printed for a file.
type fileView struct {
	Name    digime.FileName        `json:"name"`
	Updated wire.Millis            `json:"updatedDate,omitempty"`
	Path    string                 `json:"path,omitempty"`
	Bytes   int64                  `json:"bytes,omitempty"`
	Raw     *digime.RawMetadata    `json:"raw,omitempty"`
	Mapped  *digime.MappedMetadata `json:"mapped,omitempty"`
}

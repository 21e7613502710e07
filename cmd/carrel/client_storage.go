package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/outfile"
)

type clientStorage struct {
	List     clientStorageList     `cmd:"" help:"List the files of the storage."`
	Upload   clientStorageUpload   `cmd:"" help:"Encrypt a file and upload it."`
	Download clientStorageDownload `cmd:"" help:"Download a file and decrypt it."`
	Delete   clientStorageDelete   `cmd:"" help:"Delete a file, or a folder with all that is in it."`
}

// Help is what --help adds.
func (clientStorage) Help() string {
	return `An application keeps files of its own for a person in a storage. Only the contract that has uploaded a
file can decrypt it.

  carrel client authorize --contract write --storage
  carrel client storage upload settings.json
  carrel client storage upload photo.jpg "photos/Zoë 1.jpg"
  carrel client storage list --recursive
  carrel client storage download settings.json --output copy.json
  carrel client storage delete photos/`
}

// storageFlags say which storage a command uses.
type storageFlags struct {
	credentials
	Contract string `help:"Contract: its name in the credentials file, or its id." default:"write"`
	Storage  string `help:"Id of the storage. Default: that of the person whose token was saved." placeholder:"ID"`
}

// open returns the storage.
func (c *storageFlags) open(ctx context.Context) (*digime.Storage, error) {
	conn, err := c.connect(c.Contract)
	if err != nil {
		return nil, err
	}
	if c.Storage != "" {
		return conn.contract.Storage(digime.StorageID(c.Storage)), nil
	}
	user, err := conn.user()
	if err != nil {
		return nil, err
	}
	found, err := user.GetStorage(ctx)
	if errors.Is(err, digime.ErrNotFound) {
		return nil, fmt.Errorf("the person has not allowed a storage: run carrel client authorize --storage (%w)", err)
	}
	return found, err
}

type clientStorageList struct {
	storageFlags
	Folder    string `arg:"" optional:"" help:"Folder to list; that of all others if missing."`
	Recursive bool   `help:"Also list the files in the folders within it." short:"r"`
	JSON      bool   `help:"Print JSON."`
}

// Help is what --help adds.
func (clientStorageList) Help() string { return "Example:\n\n  carrel client storage list photos -r" }

// Run lists the files.
func (c *clientStorageList) Run(ctx context.Context) error {
	storage, err := c.open(ctx)
	if err != nil {
		return err
	}
	// The table shows the folders, too, which are known only by the files in them.
	recursive := c.Recursive || !c.JSON
	files, err := storage.ListFiles(ctx, digime.StorageListOptions{Folder: c.Folder, Recursive: recursive})
	if err != nil {
		return err
	}
	if c.JSON {
		views := make([]storageFileView, 0, len(files))
		for _, f := range files {
			views = append(views, storageFileView(f))
		}
		return printJSON(views)
	}
	var folders []storageFolder
	if !c.Recursive {
		files, folders = splitFolders(files, len(segments(c.Folder)))
	}
	rows := make([]string, 0, len(folders)+len(files))
	for _, f := range folders {
		rows = append(rows, f.path+"\t"+count(int64(f.files), "file")+", with --recursive")
	}
	for _, f := range files {
		rows = append(rows, strings.TrimPrefix(f.Folder, "/")+f.Name+"\t"+f.ID)
	}
	return printTable(rows, "FILE\tID", func(row string) string { return row })
}

// storageFolder is a folder that a list does not go into.
type storageFolder struct {
	path  string // with a slash at its end
	files int
}

// splitFolders splits the files of a folder and of those within it into the files of the folder itself, whose path has
// depth segments, and the folders. Upper and lower case count as the same.
func splitFolders(all []digime.StorageFile, depth int) (files []digime.StorageFile, folders []storageFolder) {
	for _, f := range all {
		path := segments(f.Folder)
		if len(path) <= depth {
			files = append(files, f)
			continue
		}
		name := strings.Join(path[:depth+1], "/") + "/"
		i := slices.IndexFunc(folders, func(o storageFolder) bool {
			return strings.EqualFold(o.path, name)
		})
		if i < 0 {
			i, folders = len(folders), append(folders, storageFolder{path: name})
		}
		folders[i].files++
	}
	return files, folders
}

// segments splits a path. Empty segments count as none.
func segments(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// storageFileView is the JSON that is printed for a file of a storage.
type storageFileView struct {
	ID     string `json:"id"`
	Path   string `json:"path"`
	Name   string `json:"name"`
	Folder string `json:"folder"`
}

type clientStorageUpload struct {
	storageFlags
	File string `arg:"" help:"File to upload; - for standard input."`
	Path string `arg:"" optional:"" help:"Path in the storage; the file's own name if missing."`
	JSON bool   `help:"Print JSON."`
}

// Help is what --help adds.
func (clientStorageUpload) Help() string {
	return `Examples:

  carrel client storage upload photo.jpg "photos/Zoë 1.jpg"
  pg_dump clinic | carrel client storage upload - clinic.sql

A file that has the path already is replaced once all has arrived.`
}

// Run uploads the file.
func (c *clientStorageUpload) Run(ctx context.Context) error {
	path := c.Path
	switch {
	case path == "" && c.File == "-":
		return errors.New("give the path in the storage, since standard input has no name")
	case path == "":
		path = filepath.Base(c.File)
	}
	storage, err := c.open(ctx)
	if err != nil {
		return err
	}
	file, size := os.Stdin, int64(-1)
	if c.File != "-" {
		if file, err = os.Open(c.File); err != nil {
			return fmt.Errorf("upload: %w", err)
		}
		defer func() { _ = file.Close() }() // it was only read
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
	}
	start := time.Now()
	data := &watchedFile{File: file, bar: newBar(size, "upload")}
	err = storage.Upload(ctx, path, data)
	_ = data.bar.Exit() // clears its line of the terminal
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(map[string]any{
			"path": path, "bytes": data.sent, "milliseconds": time.Since(start).Milliseconds(),
		})
	}
	fmt.Printf("Uploaded %s in %s.\n", count(data.sent, "byte"), time.Since(start).Round(time.Millisecond))
	return nil
}

type clientStorageDownload struct {
	storageFlags
	Path   string `arg:"" help:"Path in the storage."`
	Output string `help:"Where to write it: a file, or - for standard output." short:"o" default:"-"`
}

// Help is what --help adds.
func (clientStorageDownload) Help() string {
	return `Example:

  carrel client storage download "photos/Zoë 1.jpg" --output photo.jpg

A file appears under its name only once its end has been checked. A link, a device or a pipe at that name is written
into instead, and stays.`
}

// Run downloads the file.
func (c *clientStorageDownload) Run(ctx context.Context) error {
	storage, err := c.open(ctx)
	if err != nil {
		return err
	}
	file, err := storage.OpenFile(ctx, c.Path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // the reader has seen every error
	if c.Output == "-" {
		_, err = io.Copy(os.Stdout, file)
		return err
	}
	bar := newBar(file.ContentLength, "download")
	var n int64
	err = outfile.Replace(c.Output, func(w io.Writer) (err error) {
		n, err = io.Copy(io.MultiWriter(w, bar), file)
		return err
	})
	_ = bar.Exit() // clears its line of the terminal
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	fmt.Printf("Downloaded %s into %s.\n", count(n, "byte"), c.Output)
	return nil
}

type clientStorageDelete struct {
	storageFlags
	Path string `arg:"" help:"Path of a file, or of a folder with a slash at its end; / stands for all files."`
}

// Help is what --help adds.
func (clientStorageDelete) Help() string {
	return "Examples:\n\n  carrel client storage delete settings.json\n  carrel client storage delete photos/"
}

// Run deletes the file or folder. A folder without the slash is refused, which the server would delete as well.
func (c *clientStorageDelete) Run(ctx context.Context) error {
	storage, err := c.open(ctx)
	if err != nil {
		return err
	}
	if strings.HasSuffix(c.Path, "/") {
		if err := storage.DeleteFolder(ctx, c.Path); err != nil {
			return err
		}
		fmt.Printf("Deleted the folder %s.\n", c.Path)
		return nil
	}
	inside, err := storage.ListFiles(ctx, digime.StorageListOptions{Folder: c.Path, Recursive: true})
	if err != nil {
		return err
	}
	if len(inside) > 0 && !hasFile(ctx, storage, c.Path) {
		return fmt.Errorf("%s is a folder with %s: to delete it, put a slash at its end",
			c.Path, count(int64(len(inside)), "file"))
	}
	if err := storage.DeleteFile(ctx, c.Path); err != nil {
		return err
	}
	fmt.Printf("Deleted %s.\n", c.Path)
	return nil
}

// hasFile reports whether the path is that of a file.
func hasFile(ctx context.Context, storage *digime.Storage, path string) bool {
	file, err := storage.OpenFile(ctx, path)
	if err != nil {
		return false
	}
	_ = file.Close() // nothing was read
	return true
}

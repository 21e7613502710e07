package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
)

// TestCrashStorage kills the server while an application uploads to a storage, replaces files there and deletes them.
// What was answered must be so; each file that is listed must be one that was uploaded, as a whole; and nothing may be
// left of the others once the server has tidied up.
func TestCrashStorage(t *testing.T) {
	t.Parallel()
	bothDurableDatabases(t, crashStorage)
}

func crashStorage(t *testing.T, database string) {
	rounds := crashRounds()
	c := &storageCrasher{crasher: crasher{database: database, data: t.TempDir(), address: freeAddress(t)},
		paths: map[string]*uploadedPath{}}
	p := c.open(t)
	for round := range rounds {
		p = c.round(t, p, round)
	}
	c.verify(t, true)
	p.kill()
	if out, err := carrel(t.Context(), "check", "--all", "--data", c.data, "--database", database).
		CombinedOutput(); err != nil || !strings.Contains(string(out), "all is well") {
		t.Errorf("the check says %s, %v", out, err)
	}
	files, contents := c.tidy(t)
	t.Logf("%d kills: %d uploads and %d deletions answered, %d broken off; %d files, each whole; %d large contents, "+
		"and %d that the kills left, which the sweep took away",
		rounds, c.uploads, c.deletions, c.broken, files, contents, c.left)
	if c.uploads == 0 || c.deletions == 0 || c.broken == 0 {
		t.Error("some of that was not tested")
	}
}

// tidyInterval is after how many kills the contents that they have left are swept: if there are many, the sweep takes
// the database for a wrong one.
const tidyInterval = 5

// uploaders is how many upload at the same time. Each has paths of its own, so that it knows what must be there.
const uploaders = 8

// storageCrasher is a server that is killed, and a storage on it.
type storageCrasher struct {
	crasher
	storage *digime.Storage

	paths map[string]*uploadedPath

	uploads, deletions, broken int
	left                       int // large contents that kills have left
}

// uploadedPath is what may be at a path: what was answered last, or what was asked for since and not answered. An empty
// reference means that there is no file.
type uploadedPath struct {
	answered string
	open     []string
	touched  bool // in this round
}

// open starts the server for the first time, and makes a storage.
func (c *storageCrasher) open(t *testing.T) *process {
	t.Helper()
	c.application = addApplication(t, c.data, c.database, "Crash", "--new")
	key := addContract(t, c.data, c.database, c.application, "write")
	p := c.start(t)
	client, err := digime.New(c.application, digime.WithServer(p.url), digime.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	contract := key.parse(t, client)
	if c.storage, err = contract.CreateStorage(t.Context()); err != nil {
		t.Fatal(err)
	}
	auth, err := contract.Authorize(t.Context(),
		digime.AuthorizeOptions{RedirectURL: crashCallback, Storage: c.storage.ID()})
	if err != nil {
		t.Fatal(err)
	}
	person := demo.NewScriptedVisitor("storage@example.org", "correct horse battery staple")
	if _, err := walkBack(t.Context(), person, auth); err != nil {
		t.Fatal(err)
	}
	return p
}

// round uploads, kills the server after some uploads have been answered, and verifies what was touched.
func (c *storageCrasher) round(t *testing.T, p *process, round int) *process {
	t.Helper()
	killUnderLoad(t, p, uploaders, 4*uploaders, 10*time.Millisecond, func(ctx context.Context, one, n int) bool {
		return c.change(ctx, one, round, n)
	})
	if round%tidyInterval == tidyInterval-1 {
		time.Sleep(2 * time.Second) // until PostgreSQL has ended what the server has sent last
		c.tidy(t)
	}
	p = c.start(t)
	c.verify(t, false)
	return p
}

// change uploads a file or, now and then and always as the second change of a round, deletes one. It reports false once
// the server is gone.
func (c *storageCrasher) change(ctx context.Context, one, round, n int) bool {
	path := fmt.Sprintf("%d/%d/file-%d", one, rand.N(2), rand.N(3))
	size := 4 << 10
	switch rand.N(8) {
	case 0:
		size = 2 << 20
	case 1, 2:
		size = 200 << 10
	case 3, 4:
		size = 100
	}
	reference := fmt.Sprintf("%d-%d-%d-%d", one, round, n, size)
	c.mu.Lock()
	deletes := false
	if n == 1 || size == 100 {
		if stored := c.stored(one); stored != "" {
			path, reference, deletes = stored, "", true
		}
	}
	at := c.paths[path]
	if at == nil {
		at = &uploadedPath{}
		c.paths[path] = at
	}
	at.touched = true
	at.open = append(at.open, reference)
	c.mu.Unlock()

	var err error
	if deletes {
		err = c.storage.DeleteFile(ctx, path)
	} else {
		err = c.storage.Upload(ctx, path, bytes.NewReader(contentOf(reference)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.broken++
		return false
	}
	at.answered, at.open = reference, nil
	if c.uploads++; deletes {
		c.uploads--
		c.deletions++
	}
	return true
}

// stored returns a path of one who uploads at which a file is for certain; empty if there is none. The caller holds mu.
func (c *storageCrasher) stored(one int) string {
	for path, at := range c.paths {
		if strings.HasPrefix(path, strconv.Itoa(one)+"/") && at.answered != "" && len(at.open) == 0 {
			return path
		}
	}
	return ""
}

// verify compares the paths that were touched in the last round, or all, with what may be there.
func (c *storageCrasher) verify(t *testing.T, all bool) {
	t.Helper()
	list, err := c.storage.ListFiles(t.Context(), digime.StorageListOptions{Recursive: true})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, f := range list {
		path := strings.TrimPrefix(f.Path, "/")
		if listed[path] || c.paths[path] == nil {
			t.Errorf("%s is listed, which was not uploaded, or twice", path)
		}
		listed[path] = true
	}
	for path, at := range c.paths {
		if !at.touched && !all {
			continue
		}
		got, err := c.read(t.Context(), path, append(at.open, at.answered))
		switch {
		case err != nil:
			t.Errorf("%s: %v; answered %q, open %q", path, err, at.answered, at.open)
		case listed[path] != (got != ""):
			t.Errorf("%s is listed: %v, and has %q", path, listed[path], got)
		}
		at.answered, at.open, at.touched = got, nil, false
	}
	if t.Failed() {
		t.FailNow()
	}
}

// read returns which of the references the file at a path has; an empty one if there is no file.
func (c *storageCrasher) read(ctx context.Context, path string, references []string) (string, error) {
	file, err := c.storage.OpenFile(ctx, path)
	var content []byte
	missing := errors.Is(err, digime.ErrNotFound)
	if err == nil {
		content, err = io.ReadAll(file)
		_ = file.Close()
	}
	if err != nil && !missing {
		return "", err
	}
	for _, reference := range references {
		if missing && reference == "" || !missing && reference != "" && bytes.Equal(content, contentOf(reference)) {
			return reference, nil
		}
	}
	return "", fmt.Errorf("it is missing: %v, or has %d bytes that were not uploaded", missing, len(content))
}

// tidy does what the server does when the contents that the kills have left are a day old, and when they were set aside
// a week ago. Afterwards each large content must be that of a file. It returns how many files and large contents there
// are, and counts those that the kills have left. No server may run.
func (c *storageCrasher) tidy(t *testing.T) (files, contents int) {
	t.Helper()
	db, err := store.Open(t.Context(), c.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	disk, err := blob.OpenDisk(filepath.Join(c.data, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = disk.Close() }()
	ahead := 25 * time.Hour
	now := func() time.Time { return time.Now().Add(ahead) }
	keys := func() map[string]bool {
		all := map[string]bool{}
		if err := disk.List(t.Context(), "", func(key string, _ time.Time) error {
			all[key] = true
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	storages := storage.New(db, disk, nil, nil, now, storage.Config{})
	if err := storages.RemoveContents(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := len(keys())
	sweeping := library.Sweeping{Sweeper: db, Files: db, Blobs: disk,
		Owners: []library.ContentOwner{storage.Contents{Store: db}}, Now: now, Log: slog.New(slog.DiscardHandler)}
	err = errors.Join(sweeping.SweepBlobs(t.Context()), disk.Sweep(t.Context(), now()))
	ahead += 8 * 24 * time.Hour
	if err = errors.Join(err, sweeping.SweepBlobs(t.Context())); err != nil {
		t.Fatal(err)
	}
	after := keys()
	c.left += before - len(after)
	for all, last := true, (storage.File{}); all; {
		page, err := db.ListAllStorageFiles(t.Context(), storage.ID(c.storage.ID()), last, 500)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page {
			key := storage.Content{Storage: f.Storage, File: f.ID}.Key()
			if f.Size > library.InlineLimit != after[key] {
				t.Errorf("%s has %d bytes, and a large content: %v", f.OriginalName, f.Size, after[key])
			}
			if after[key] {
				contents++
			}
			delete(after, key)
			files++
			last = f
		}
		all = len(page) == 500
	}
	for key := range after {
		t.Errorf("content %s is of no file", key)
	}
	return files, contents
}

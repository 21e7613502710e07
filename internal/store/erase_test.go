package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// churn adds sessions to a database and removes some, in an order that makes SQLite move many of them from page to page
// before they are removed. It is the same in each run.
type churn struct {
	bytes   *rand.ChaCha8
	numbers *rand.Rand
	added   int
	there   []session
	removed [][]byte // parts of seals that are no longer there
}

type session struct {
	hash  seal.Hash
	grant library.GrantID
	seal  []byte
}

func newChurn() *churn {
	source := rand.NewChaCha8([32]byte{9})
	return &churn{bytes: source, numbers: rand.New(source)}
}

// run adds sessions and removes half as many.
func (c *churn) run(t *testing.T, sessions int, write func(op) error) {
	t.Helper()
	for range sessions / 100 {
		err := write(func(ctx context.Context, q *query.Queries) error {
			for range 100 {
				if err := c.addOne(ctx, q); err != nil {
					return err
				}
				if c.numbers.IntN(2) == 0 {
					if err := c.removeOne(ctx, q); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (c *churn) addOne(ctx context.Context, q *query.Queries) error {
	c.added++
	added := query.AddSessionParams{
		GrantID: library.GrantID(fmt.Sprintf("grant-%d", c.added)), Seal: make([]byte, 120+c.numbers.IntN(1100)),
	}
	_, _ = c.bytes.Read(added.Hash[:])
	_, _ = c.bytes.Read(added.Seal)
	c.there = append(c.there, session{added.Hash, added.GrantID, added.Seal})
	return q.AddSession(ctx, added)
}

func (c *churn) removeOne(ctx context.Context, q *query.Queries) error {
	i := c.numbers.IntN(len(c.there))
	gone := c.there[i]
	c.there[i] = c.there[len(c.there)-1]
	c.there = c.there[:len(c.there)-1]
	c.removed = append(c.removed, gone.seal[:40], gone.seal[len(gone.seal)-40:])
	if c.numbers.IntN(2) == 0 {
		return q.GiveSessionGrant(ctx, gone.grant, nil, gone.hash) // the row stays, without its seal
	}
	return q.DeleteSessionsOfGrant(ctx, gone.grant)
}

// foundIn counts what was removed and is in some bytes.
func (c *churn) foundIn(content []byte) (n int) {
	const prefix = 8
	byPrefix := map[[prefix]byte][]byte{}
	for _, piece := range c.removed {
		byPrefix[[prefix]byte(piece)] = piece
	}
	for ; len(content) >= prefix; content = content[1:] {
		if piece := byPrefix[[prefix]byte(content)]; piece != nil && bytes.HasPrefix(content, piece) {
			n++
		}
	}
	return n
}

// pagesOf returns all pages of an open database. To read its file would end SQLite's locks in this process.
func pagesOf(t *testing.T, db *DB) []byte {
	t.Helper()
	rows, err := db.readPool.QueryContext(t.Context(), "SELECT data FROM sqlite_dbpage")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all bytes.Buffer
	for rows.Next() {
		var page sql.RawBytes
		if err := rows.Scan(&page); err != nil {
			t.Fatal(err)
		}
		all.Write(page)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all.Bytes()
}

func logSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func checkIntegrity(t *testing.T, db *DB) {
	t.Helper()
	var answer string
	if err := db.readPool.QueryRow("PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("integrity check: %q, %v", answer, err)
	}
}

// SQLite leaves the bytes of rows that it has moved to another page, even with secure_delete.
func TestAttackMovedRowsAreErased(t *testing.T) {
	db, _, path := openForWriting(t)
	c := newChurn()
	c.run(t, 6000, func(o op) error { return db.write(t.Context(), "test", o) })
	if n := c.foundIn(pagesOf(t, db)); n == 0 {
		t.Fatal("SQLite has left nothing: nothing is tested")
	} else {
		t.Logf("SQLite alone leaves %d of %d", n, len(c.removed))
	}
	if err := db.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.foundIn(pagesOf(t, db)); n > 0 {
		t.Errorf("%d of %d are still there", n, len(c.removed))
	}
	if n := logSize(t, path); n != 0 {
		t.Errorf("the log has %d bytes", n)
	}
	checkIntegrity(t, db)

	// What a process has moved before it ends is erased by it.
	c.run(t, 6000, func(o op) error { return db.add(t.Context(), "test", o) })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := c.foundIn(content); n > 0 {
		t.Errorf("after closing, %d of %d are still there", n, len(c.removed))
	}
	db = reopen(t, path)
	checkIntegrity(t, db)
	if n := bytes.Count(pagesOf(t, db), []byte("grant-")); n < len(c.there) {
		t.Errorf("%d sessions are left, want %d", n, len(c.there))
	}
}

// The database of an earlier version, which had only secure_delete=FAST, has what was removed in free pages, too.
func TestOldDatabaseIsErased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carrel.db")
	pool, err := openPool(path, pragmas+"&_pragma=secure_delete(FAST)", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), pool, sqliteDialect); err != nil {
		t.Fatal(err)
	}
	c := newChurn()
	write := func(o op) error {
		tx, err := pool.BeginTx(t.Context(), nil)
		if err != nil {
			return err
		}
		return errors.Join(o(t.Context(), query.New(tx)), tx.Commit())
	}
	c.run(t, 6000, write)
	err = write(func(ctx context.Context, q *query.Queries) error {
		for _, s := range c.there[:len(c.there)/2] {
			c.removed = append(c.removed, s.seal[:40])
			if err := q.DeleteSessionsOfGrant(ctx, s.grant); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var free int
	if err := pool.QueryRow("PRAGMA freelist_count").Scan(&free); err != nil || free < 10 {
		t.Fatalf("only %d pages are free, %v", free, err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	db := reopen(t, path)
	n := c.foundIn(pagesOf(t, db))
	if n == 0 {
		t.Fatal("the database had nothing to erase: nothing is tested")
	}
	t.Logf("the old database has %d of %d", n, len(c.removed))
	if err := db.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := c.foundIn(pagesOf(t, db)); n > 0 {
		t.Errorf("%d of %d are still there", n, len(c.removed))
	}
	checkIntegrity(t, db)
}

// A database is clean only after a process that has seen all that was written since it was clean.
func TestOnlyACleanDatabaseIsMarkedSo(t *testing.T) {
	complete := func(db *DB) bool { return db.writer.(*groupWriter).eraser.complete }
	db, _, path := openForWriting(t)
	if complete(db) {
		t.Error("a database without a mark counts as clean")
	}
	if err := db.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !complete(db) {
		t.Error("after it was searched it does not count as clean")
	}
	beside := reopen(t, path)
	if complete(beside) {
		t.Error("a database that another process has open counts as clean")
	}
	for _, err := range []error{beside.Close(), db.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	db = reopen(t, path)
	if !complete(db) {
		t.Error("a database that was closed does not count as clean")
	}
	if err := db.write(t.Context(), "test", useOneNonce(1)); err != nil {
		t.Fatal(err)
	}

	// A copy of the files of a running process is what remains when it is killed.
	killed := filepath.Join(t.TempDir(), "carrel.db")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, path+suffix, killed+suffix)
	}
	if complete(reopen(t, killed)) {
		t.Error("a database whose process was killed counts as clean")
	}
}

func TestErasingWaitsForReaders(t *testing.T) {
	db, w, path := openForWriting(t)
	if err := db.write(t.Context(), "test", useOneNonce(1)); err != nil {
		t.Fatal(err)
	}
	reader, err := db.readPool.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec("SELECT * FROM nonces"); err != nil {
		t.Fatal(err)
	}
	if err := db.write(t.Context(), "test", useOneNonce(2)); err != nil {
		t.Fatal(err)
	}
	if err := db.Erase(t.Context()); err != nil {
		t.Errorf("at first: %v", err)
	}
	if logSize(t, path) == 0 {
		t.Fatal("the log was emptied under a reader")
	}
	w.eraser.blockedSince = time.Now().Add(-mayBlock)
	if err := db.Erase(t.Context()); !errors.Is(err, errStillRead) {
		t.Errorf("after a minute: %v", err)
	}
	if err := reader.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := db.Erase(t.Context()); err != nil {
		t.Errorf("in the end: %v", err)
	}
	if n := logSize(t, path); n != 0 {
		t.Errorf("in the end the log has %d bytes", n)
	}
}

// What only adds costs nothing: the log is not emptied for it.
func TestAddingErasesNothing(t *testing.T) {
	db, _, path := openForWriting(t)
	if err := db.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.add(t.Context(), "test", useOneNonce(1)); err != nil {
		t.Fatal(err)
	}
	if err := db.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if logSize(t, path) == 0 {
		t.Error("the log was emptied after nothing was removed")
	}
}

// What is no B-tree page, or a damaged one, has no gap that may be overwritten.
func FuzzGap(f *testing.F) {
	f.Add(uint32(2), []byte{13, 0, 0, 0, 1, 0x0f, 0xf0, 0, 0x0f, 0xf0})
	f.Add(uint32(1), []byte{10, 0, 0, 0xff, 0xff})
	f.Add(uint32(3), []byte{5})
	f.Fuzz(func(t *testing.T, number uint32, start []byte) {
		page := make([]byte, pageSize)
		header := 0
		if number == 1 {
			header = fileHeaderSize
		}
		copy(page[header:], start)
		gap := gapOf(number, page)
		if gap == nil {
			return
		}
		before := bytes.Clone(page)
		for i := range gap {
			gap[i] = 0xff
		}
		cells := int(before[header+3])<<8 | int(before[header+4])
		if !bytes.Equal(page[:header+8], before[:header+8]) {
			t.Fatal("the gap has a part of the header")
		}
		for at := len(page) - 1; cells > 0 && at >= 0; at-- {
			if page[at] == before[at] {
				continue
			}
			for i := range cells {
				pointer := header + 8 + 2*i
				if page[header] == interiorIndex || page[header] == interiorTable {
					pointer += 4
				}
				if at == pointer || at == pointer+1 {
					t.Fatalf("the gap has the pointer of cell %d", i)
				}
				if cell := int(before[pointer])<<8 | int(before[pointer+1]); at >= cell {
					t.Fatalf("the gap has a part of cell %d", i)
				}
			}
		}
	})
}

func TestPageSet(t *testing.T) {
	var s pageSet
	for _, n := range []uint32{1, 63, 64, 1000, 64} {
		s.add(n)
	}
	if got := fmt.Sprint(s.take(3), s.take(3), s.take(3)); got != "[1 63 64] [1000] []" {
		t.Errorf("got %s", got)
	}
}

func reopen(t *testing.T, path string) *DB {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	content, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

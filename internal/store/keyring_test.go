package store_test

import (
	"bytes"
	"database/sql"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/delivery/deliverytest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/store"
)

// revocations returns the boxes with tokens of accounts that have ended.
func revocations(t *testing.T, db *store.DB) (boxes []store.Box) {
	t.Helper()
	err := db.EachBox(t.Context(), func(b store.Box) error {
		if b.Kind == store.BoxRevocation {
			boxes = append(boxes, b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return boxes
}

// The tokens that are to be revoked are sealed by the keyring: a rotation seals them again, and a reset forgets them.
func TestTokenRevocationsAreBoxes(t *testing.T) {
	onEach(t, func(t *testing.T, newURL func(t testing.TB) string) {
		db := open(t, newURL(t))
		ctx := t.Context()
		const ended = 120 // more than are in memory at a time
		want := map[wire.AccountID]delivery.Connection{}
		for range ended {
			_, account := deliverytest.AddSender(t, db)
			e := librarytest.AnyEvent(account.Library)
			if err := db.Disconnect(ctx, account.Library, "", account.ID, librarytest.Now, "", e); err != nil {
				t.Fatal(err)
			}
			want[account.ID] = account
		}
		boxes := revocations(t, db)
		if len(boxes) != ended {
			t.Fatalf("%d boxes of tokens, want %d", len(boxes), ended)
		}
		for _, b := range boxes {
			account := want[b.Connection.ID]
			if !bytes.Equal(b.Bytes, account.Access) ||
				b.Connection.ID != account.ID {
				t.Errorf("the tokens of %+v are %+v", account, b)
			}
		}
		changed := store.Replacement{Box: boxes[1], New: []byte("another")}
		changed.Bytes = []byte("what was there before")
		err := db.ReplaceBoxes(ctx, []store.Replacement{{Box: boxes[0], New: []byte("again")}, changed})
		if err != nil {
			t.Fatal(err)
		}
		replaced := revocations(t, db)
		if got := string(replaced[0].Bytes); got != "again" {
			t.Errorf("the box that was replaced is %q", got)
		}
		if !bytes.Equal(replaced[1].Bytes, boxes[1].Bytes) {
			t.Error("a box was replaced that had changed meanwhile")
		}
		if err := db.ResetKeyring(ctx, librarytest.Now, "the keys were lost"); err != nil {
			t.Fatal(err)
		}
		if left := revocations(t, db); len(left) != 0 {
			t.Errorf("%d boxes are left after the reset", len(left))
		}
	})
}

// The tokens of an account that has ended are in no file of SQLite once they are revoked, or given up.
func TestAttackRevokedTokensAreErased(t *testing.T) {
	for name, forget := range map[string]func(t *testing.T, db *store.DB) error{
		"revoked": func(t *testing.T, db *store.DB) error {
			due, err := db.ClaimTokenRevocations(t.Context(), librarytest.Now, librarytest.Later(time.Minute), 10)
			if err != nil || len(due) != 1 {
				t.Fatal(due, err)
			}
			return db.DeleteTokenRevocation(t.Context(), due[0].ID)
		},
		"given up": func(t *testing.T, db *store.DB) error {
			return db.Sweep(t.Context(), librarytest.Later(25*time.Hour), time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := newSQLite(t)
			db := open(t, url)
			raw := openRaw(t, url)
			g, account := deliverytest.AddSender(t, db)
			e := library.Event{Library: g.Library, At: librarytest.Now, Kind: library.EventStopped}
			if err := db.RevokeGrant(t.Context(), g.Library, g.ID, librarytest.Now, e); err != nil {
				t.Fatal(err)
			}
			if err := db.Erase(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := countInPages(t, raw, account.Access); n != 1 {
				t.Fatalf("after the stop the tokens are there %d times, want once, to be revoked", n)
			}
			if err := forget(t, db); err != nil {
				t.Fatal(err)
			}
			if err := db.Erase(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := countInPages(t, raw, account.Access); n != 0 {
				t.Errorf("the tokens are still there %d times", n)
			}
			info, err := os.Stat(strings.TrimPrefix(url, "sqlite:") + "-wal")
			if err != nil || info.Size() != 0 {
				t.Errorf("the log is not empty: %+v, %v", info, err)
			}
		})
	}
}

// countInPages counts how often a text is in the pages of a database, without its log.
func countInPages(t *testing.T, raw *sql.DB, text []byte) (n int) {
	t.Helper()
	rows, err := raw.Query("SELECT data FROM sqlite_dbpage")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var page sql.RawBytes
		if err := rows.Scan(&page); err != nil {
			t.Fatal(err)
		}
		n += bytes.Count(page, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

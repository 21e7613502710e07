package account_test

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/web/account"
)

// FuzzListPosition parses any text as a position in a list, and writes again what it has read.
func FuzzListPosition(f *testing.F) {
	for _, s := range []string{
		"", "-", "1", "1-", "1-a", "0-a", "-1-a", "01-a", "+1-a", "1-a-b", "1-\x00",
		"253402300799999-a", "253402300800000-a",
		account.FormatPosition(time.UnixMilli(1_795_000_000_123), "01k9t0m3kbzzzzzzzzzzzzzzzz"),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, id, ok := account.ParsePosition(s)
		if !ok {
			if !at.IsZero() || id != "" {
				t.Errorf("%q is no position, and is %v, %q", s, at, id)
			}
			return
		}
		if year := at.Year(); year < 1970 || year > 9999 || !wire.ValidName(id) {
			t.Errorf("%q is %v, %q", s, at, id)
		}
		again, idAgain, ok := account.ParsePosition(account.FormatPosition(at, id))
		if !ok || !again.Equal(at) || idAgain != id {
			t.Errorf("%q is %v, %q, and written again %v, %q", s, at, id, again, idAgain)
		}
	})
}

// TestPositionOfNoTime: a file whose time somebody else has spoiled still has a position.
func TestPositionOfNoTime(t *testing.T) {
	t.Parallel()
	at, id, ok := account.ParsePosition(account.FormatPosition(time.Time{}, "a"))
	if !ok || at.UnixMilli() != 0 || id != "a" {
		t.Errorf("%v, %q, %t", at, id, ok)
	}
}

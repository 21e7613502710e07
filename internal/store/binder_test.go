package store_test

import (
	"errors"
	"testing"

	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/store/storetest"
)

// TestStoreWithoutBinder: a store that cannot authenticate what it adds adds nothing.
func TestStoreWithoutBinder(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, newURL func(t testing.TB) string) {
		db := open(t, newURL(t))
		grant := librarytest.AddGrant(t, db)
		head, err := db.GetChainHead(t.Context(), grant.Library)
		if err != nil {
			t.Fatal(err)
		}
		db.SetBinder(nil)
		event := librarytest.AnyEvent(grant.Library)
		for what, err := range map[string]error{
			"an event": db.AddEvent(t.Context(), event),
			"a file":   db.AddFile(t.Context(), librarytest.NewFile(grant, librarytest.Now)),
			"an end":   db.RevokeGrant(t.Context(), grant.Library, grant.ID, librarytest.Now, event),
		} {
			if !errors.Is(err, store.ErrNoBinder) {
				t.Errorf("%s: %v", what, err)
			}
		}
		storetest.Bind(t, db)
		if now, err := db.GetChainHead(t.Context(), grant.Library); err != nil || now.Newest != head.Newest {
			t.Errorf("%d events, before %d, %v", now.Newest, head.Newest, err)
		}
	})
}

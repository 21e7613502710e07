package storage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// TestStorageOfChangedContract: a consent that does not count any more, since the operator has changed or disabled its
// contract, reaches no storage, whichever contract of the application calls.
func TestStorageOfChangedContract(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, app := w.Person(), w.Application()
	writer, reader := app.Contract(library.Write), app.Contract(library.Read)
	_, id := anna.AllowsStorage(writer)
	edit := func(change func(*library.Contract)) {
		was := carreltest.Must(w.Clients.GetClientOfContract(t.Context(), writer.ID().Contract))(t).Contract
		k := was
		change(&k)
		if err := w.Clients.UpdateContract(t.Context(), was, k); err != nil {
			t.Fatal(err)
		}
		w.Clock.Moves(2 * time.Second) // a client is cached for a second
	}
	opens := func(what string, want error, contracts ...*carreltest.Contract) {
		t.Helper()
		for _, c := range contracts {
			if err := second(c.OpensStorage(id)); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
	}
	opens("at first", nil, writer, reader)
	edit(func(k *library.Contract) { k.DeletesLibrary = true })
	opens("changed", storage.ErrNoConsent, writer, reader)
	edit(func(k *library.Contract) { k.DeletesLibrary = false })
	opens("changed back", nil, writer, reader)
	if err := w.Clients.DisableContract(t.Context(), writer.ID().Contract); err != nil {
		t.Fatal(err)
	}
	w.Clock.Moves(2 * time.Second)
	opens("disabled", storage.ErrNoConsent, reader)
	if err := w.Clients.EnableContract(t.Context(), writer.ID().Contract); err != nil {
		t.Fatal(err)
	}
	w.Clock.Moves(2 * time.Second)
	opens("enabled", nil, writer, reader)
}

// TestStorageCallIsUse: a call for the files of a storage uses the consent of its contract or, if that has none, the
// one by which it is allowed; and writes that once a minute.
func TestStorageCallIsUse(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, app := w.Person(), w.Application()
	writer, reader, other := app.Contract(library.Write), app.Contract(library.Read), app.Contract(library.Write)
	grant, id := anna.AllowsStorage(writer)
	read := anna.Allows(reader)
	used := func(what string, c *carreltest.Contract, g *carreltest.Grant, after time.Duration, want time.Time) {
		t.Helper()
		w.Clock.Moves(after)
		carreltest.Must(c.Uploads(id, carreltest.PathOf("a"), []byte(what)))(t)
		if got := carreltest.Must(w.Store.GetGrant(t.Context(), g.ID()))(t).LastUsedAt; !got.Equal(want) {
			t.Errorf("%s: used at %v, want %v", what, got, want)
		}
	}
	start := w.Clock.Now()
	used("first", writer, grant, 0, start)
	used("within the minute", writer, grant, 59*time.Second, start)
	used("after it", writer, grant, time.Second, start.Add(time.Minute))
	used("another contract", reader, read, time.Minute, start.Add(2*time.Minute))
	used("nor that of the first", reader, grant, time.Minute, start.Add(time.Minute))
	anna.Stops(read)
	used("a contract without a consent", other, grant, time.Minute, start.Add(4*time.Minute))
}

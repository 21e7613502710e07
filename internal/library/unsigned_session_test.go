package library_test

import (
	"io"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestUnsignedSessionOpensItsKeyOnce: a call without a signature opens the library's key when it finds the session, and
// not again for the file.
func TestUnsignedSessionOpensItsKeyOnce(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, app := w.Person(), w.Application()
	must(anna.Allows(app.Contract(library.Write)).Pushes("a letter", []byte("dear Anna")))(t)
	g := anna.Allows(app.Contract(library.Read))
	signed := g.Requests(carreltest.WithToken(g.Token()))
	signed.Older = true
	b := must(w.Consents.Bearer(t.Context(), signed))(t)
	key := must(w.Consents.StartSession(t.Context(), b, wire.SessionOptions{}))(t).Key
	w.Secrets.Plant(key)
	found := must(w.Consents.FindUnsignedSession(t.Context(), key))(t)
	found.Session.Seal = nil
	var names []wire.FileName
	err := w.Files.List(t.Context(), found, func(e wire.FileEntry) error {
		names = append(names, e.Name)
		return nil
	})
	if err != nil || len(names) != 1 {
		t.Fatalf("the session lists %q, %v", names, err)
	}
	_, content, err := w.Files.OpenHashed(t.Context(), found, names[0])
	if err != nil {
		t.Fatal(err)
	}
	if text := must(io.ReadAll(content))(t); string(text[len(text)-9:]) != "dear Anna" {
		t.Errorf("the file is %q", text)
	}
	if err := content.Close(); err != nil {
		t.Error(err)
	}
}

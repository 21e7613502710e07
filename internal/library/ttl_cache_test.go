package library_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// A push goes by what was known of its token a moment ago, and still nothing gets in
// once the grant has ended.
func TestCachedBearer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *carreltest.World, p *carreltest.Person, g *carreltest.Grant){
		"revoked": func(w *carreltest.World, p *carreltest.Person, g *carreltest.Grant) {
			if err := w.Consents.Revoke(t.Context(), p.SignedIn(), g.ID()); err != nil {
				t.Fatal(err)
			}
		},
		"shut": func(w *carreltest.World, p *carreltest.Person, _ *carreltest.Grant) {
			must(w.People.Shut(t.Context(), p.SignedIn(), p.Password))(t)
		},
		"expired": func(w *carreltest.World, _ *carreltest.Person, _ *carreltest.Grant) {
			w.Clock.Moves(25 * time.Hour)
		},
		"deleted": func(w *carreltest.World, _ *carreltest.Person, g *carreltest.Grant) {
			if err := w.People.DeleteForBearer(t.Context(), must(g.Bearer())(t), w.Consents); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := carreltest.New(t)
			anna := w.Newcomer("anna@example.org")
			id := anna.SignedIn().Library.ID
			c := w.Application().Contract(library.Write)
			g := anna.Allows(c)
			d, err := wire.ParseDescriptor([]byte(`{"mimeType":"text/plain","accounts":[{"accountId":"a"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			push := func(content []byte) error {
				b, err := w.Consents.CachedBearer(t.Context(), c.Requests(carreltest.WithToken(g.Token())))
				if err != nil {
					return err
				}
				_, err = w.Files.Push(t.Context(), b, d, bytes.NewReader(content))
				return err
			}
			if err := push([]byte("before")); err != nil {
				t.Fatal(err)
			}
			before := must(w.Store.CountFiles(t.Context(), id))(t)
			end(w, anna, g)
			for _, content := range [][]byte{[]byte("after"), carreltest.Large("after")} {
				want := library.InvalidToken(wire.KindAccessToken)
				if name == "expired" {
					want = library.ExpiredToken(wire.KindAccessToken)
				}
				carreltest.Refused(t, name, push(content), want)
			}
			if n, err := w.Store.CountFiles(t.Context(), id); err != nil || n > before {
				t.Errorf("%d files were added after the grant had ended: %v", n-before, err)
			}
			if keys := w.BlobKeys(); len(keys) != 0 {
				t.Errorf("blobs were left: %v", keys)
			}
		})
	}
}

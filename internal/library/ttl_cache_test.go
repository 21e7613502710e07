package library_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// A push goes by what was known of its token a moment ago, and still nothing gets in
// once the grant has ended.
func TestRecentBearer(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, p *person, g granted){
		"revoked": func(w *world, p *person, g granted) {
			if err := w.consents.Revoke(t.Context(), p.in(), library.GrantID(g.tokens.ConsentID)); err != nil {
				t.Fatal(err)
			}
		},
		"shut": func(w *world, p *person, _ granted) {
			must(w.people.Shut(t.Context(), p.in(), p.password))(t)
		},
		"expired": func(w *world, _ *person, _ granted) { w.pass(25 * time.Hour) },
		"deleted": func(w *world, _ *person, g granted) {
			if err := w.people.DeleteNow(t.Context(), must(g.bearer())(t)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			anna := w.person("anna@example.org")
			id := anna.in().Library.ID
			c := w.contract(w.application(), library.Write)
			g := anna.allow(c)
			d, err := wire.ParseDescriptor([]byte(`{"mimeType":"text/plain","accounts":[{"accountId":"a"}]}`))
			if err != nil {
				t.Fatal(err)
			}
			push := func(content []byte) error {
				b, err := w.consents.RecentBearer(t.Context(), c.call(accessToken(g.tokens.AccessToken.Value)))
				if err != nil {
					return err
				}
				_, err = w.files.Push(t.Context(), b, d, bytes.NewReader(content))
				return err
			}
			if err := push([]byte("before")); err != nil {
				t.Fatal(err)
			}
			before := must(w.db.CountFiles(t.Context(), id))(t)
			end(w, anna, g)
			for _, content := range [][]byte{[]byte("after"), large("after")} {
				want := library.InvalidToken(wire.KindAccessToken)
				if name == "expired" {
					want = library.ExpiredToken(wire.KindAccessToken)
				}
				refused(t, name, push(content), want)
			}
			if n, err := w.db.CountFiles(t.Context(), id); err != nil || n > before {
				t.Errorf("%d files were added after the grant had ended: %v", n-before, err)
			}
			if keys := w.blobKeys(); len(keys) != 0 {
				t.Errorf("blobs were left: %v", keys)
			}
		})
	}
}

package api_test

import (
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// An application that starts sessions, refreshes its token or makes requests without end does not fill the disk: the
// oldest end, of the same person at the same contract alone.
func TestLimitsOfAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db, limits := w.OpensStore(), library.DefaultLimits
	anna, bram := w.Person(), w.Person()
	k, theirs := anna.Allows(w.read), bram.Allows(w.read)
	oldest, others := w.session(t, k), w.session(t, theirs)
	reference := func() {
		w.mustSend(t, post("oauth/token/reference", w.as(k, claims{"redirect_uri": callback}), ""), nil)
	}
	reference()

	w.Clock.Moves(time.Second)
	now := w.Clock.Now()
	many(t, limits.Sessions-2, func() error { // the other is that of the consent
		return db.AddSession(
			t.Context(),
			library.Session{Hash: seal.NewSecret().Hash(), Client: w.read.ID(), Grant: k.ID(),
				CreatedAt: now, ExpiresAt: now.Add(time.Hour)},
		)
	})
	many(t, limits.Tokens-1, func() error {
		return db.AddToken(
			t.Context(),
			library.Token{Hash: seal.NewSecret().Hash(), Use: library.UseAccess, Grant: k.ID(),
				ExpiresAt: now.Add(24 * time.Hour)},
		)
	})
	many(t, limits.AuthRequests-1, func() error {
		return db.AddAuthRequest(t.Context(), library.AuthRequest{Hash: seal.NewSecret().Hash(), ClientID: w.read.ID(),
			Library: anna.Library, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, library.Session{})
	})
	w.names(t, k, oldest)
	before := w.Rows("sessions") + w.Rows("links") // with those of the consents
	w.Clock.Moves(time.Second)
	for range 3 { // the first ends the session of the consent
		newest := w.session(t, k)
		w.names(t, k, newest)
	}
	w.refuses(t, get("permission-access/query/"+oldest, w.as(k, nil)), notFound("Session"))
	if now := w.Rows("sessions") + w.Rows("links"); now != before {
		t.Errorf("%d sessions and requests, before %d", now, before)
	}
	reference()
	if n := w.Rows("links"); n > limits.AuthRequests+2 { // and the two that asked for consent
		t.Errorf("%d requests", n)
	}
	got, err := w.tokens(w.send(t, post("oauth/token", w.bearer(w.read, refreshing(k)), "")))
	if err != nil {
		t.Fatal(err)
	}
	w.refuses(t, get("permission-access/accounts", w.as(k, nil)), invalid(wire.KindAccessToken))
	w.mustSend(t, get("permission-access/accounts", w.as(w.read.GrantOfToken(got.AccessToken.Value), nil)), nil)
	if n := w.Rows("tokens"); n != limits.Tokens+1+2 { // a refresh token, and those of the other person
		t.Errorf("%d tokens", n)
	}
	w.names(t, theirs, others)
}

// many runs f n times, many at once.
func many(t *testing.T, n int, f func() error) {
	t.Helper()
	var wait sync.WaitGroup
	left := make(chan struct{}, n)
	for range n {
		left <- struct{}{}
	}
	close(left)
	for range 100 {
		wait.Go(func() {
			for range left {
				if err := f(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

package library_test

import (
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// TestRefuseToRenew: the page says that refusing to renew a consent ends it, and so it
// does; somebody else's refusal ends nothing.
func TestRefuseToRenew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	c := w.contract(w.application(), library.Read)
	g := anna.allow(c)
	ask := func() *library.PendingRequest {
		opened := must(
			w.consents.AuthorizeForToken(
				t.Context(),
				c.call(authorizing, accessToken(g.tokens.AccessToken.Value)),
				wire.SessionOptions{},
			),
		)(t)
		return must(w.consents.FindRequest(t.Context(), library.UserReauthRequest, opened.Code.Reveal()))(t)
	}
	deny := func(who *library.SignedIn) {
		back := queryOf(t, must(w.consents.Deny(t.Context(), ask(), who, library.CallbackUserCancel))(t))
		if back.Get("errorCode") != "USER_CANCEL" {
			t.Errorf("the application hears %v", back)
		}
	}
	deny(bram.in())
	deny(nil)
	if _, err := g.readNow(); err != nil {
		t.Fatalf("reading after the refusals of others: %v", err)
	}
	deny(anna.in())
	_, err := g.bearer()
	refused(t, "access token after the refusal", err, library.InvalidToken(wire.KindAccessToken))
}

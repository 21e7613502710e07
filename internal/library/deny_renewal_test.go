package library_test

import (
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestRefuseToRenew: the page says that refusing to renew a consent ends it, and so it
// does; somebody else's refusal ends nothing.
func TestRefuseToRenew(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	c := w.Application().Contract(library.Read)
	g := anna.Allows(c)
	ask := func() *library.PendingRequest {
		opened := must(w.Consents.AuthorizeForToken(t.Context(),
			c.Requests(carreltest.Authorizing, carreltest.WithToken(g.Token())), wire.SessionOptions{}))(t)
		return anna.Opens(library.UserReauthRequest, opened.Code)
	}
	deny := func(who *library.SignedIn) {
		back := carreltest.QueryOf(t, must(w.Consents.Deny(t.Context(), ask(), who, library.CallbackUserCancel))(t))
		if back.Get("errorCode") != "USER_CANCEL" {
			t.Errorf("the application hears %v", back)
		}
	}
	deny(bram.SignedIn())
	deny(nil)
	if _, err := g.Reads(); err != nil {
		t.Fatalf("reading after the refusals of others: %v", err)
	}
	deny(anna.SignedIn())
	_, err := g.Bearer()
	carreltest.Refused(t, "access token after the refusal", err, library.InvalidToken(wire.KindAccessToken))
}

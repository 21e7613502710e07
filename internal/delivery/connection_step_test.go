package delivery_test

import (
	"errors"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestReauthorizeAccount: the handle of an account leads to it in its own person's
// browser only.
func TestReauthorizeAccount(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	c, foreign := app.Contract(library.Read), w.Application().Contract(library.Read)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	annas, brams := anna.Allows(c), bram.Allows(c)
	account := func(g *carreltest.Grant) string {
		return string(carreltest.Must(w.Consents.ListAccounts(t.Context(), carreltest.Must(g.Bearer())(t)))(t)[0].ID)
	}
	refer := func(by *carreltest.Contract, kind, value string) (string, error) {
		return w.Consents.AddAccountHandle(t.Context(), by.Requests(), wire.ReferenceRequest{Type: kind, Value: value})
	}
	own := carreltest.Must(refer(c, "accountId", account(annas)))(t)
	others := carreltest.Must(refer(c, "accountId", account(brams)))(t)
	unknown := carreltest.Must(refer(c, "accountId", "1_unknown"))(t)
	ofForeign := carreltest.Must(refer(foreign, "accountId", account(annas)))(t)
	for what, test := range map[string]struct {
		handle string
		want   error
	}{
		"her own": {own, nil}, "another's": {others, library.ErrNotFound}, "an unknown one": {unknown,
			library.ErrNotFound},
		"another application's handle": {ofForeign, library.ErrNotFound}, "no handle": {"", library.ErrNotFound},
	} {
		opened := carreltest.Must(w.Consents.AuthorizeForToken(t.Context(),
			c.Requests(carreltest.WithToken(annas.Token()),
				carreltest.ReturningTo(carreltest.Callback)), wire.SessionOptions{}))(t)
		request := anna.Opens(library.ReauthorizeRequest, opened.Code)
		asked := delivery.ConnectionQuery{AccountHandle: test.handle}
		_, err := w.Connections.Complete(t.Context(), bram.SignedIn(), request, asked)
		if !errors.Is(err, library.ErrWrongPerson) {
			t.Errorf("%s, another person's browser: %v", what, err)
		}
		step, err := w.Connections.ConnectionStep(t.Context(), anna.SignedIn(), request, asked)
		if !errors.Is(err, test.want) || step != (delivery.ConnectionStep{}) {
			t.Errorf("%s: %+v, %v", what, step, err)
		}
		if err != nil {
			continue
		}
		back := carreltest.Must(w.Connections.Complete(t.Context(), anna.SignedIn(), request, asked))(t)
		if carreltest.QueryOf(t, back).Get("success") != "true" {
			t.Errorf("%s: %q", what, back)
		}
		if _, err := annas.ReadsSession(opened.Session.Key); (err == nil) != (test.want == nil) {
			t.Errorf("%s: reading with the session promised: %v", what, err)
		}
	}
	_, err := refer(c, "cloudId", "any")
	carreltest.Refused(t, "a storage", err, library.Unknown("Storage"))
	_, err = refer(c, "email", "anna@example.org")
	carreltest.Refused(t, "another kind of handle", err, library.InvalidParameter("type must be accountId or cloudId"))
	_, err = refer(c, "accountId", "")
	carreltest.Refused(t, "no account", err, library.InvalidParameter("value"))
}

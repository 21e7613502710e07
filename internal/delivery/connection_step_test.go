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
	refer := func(by *carreltest.Contract, account string) string {
		return carreltest.Must(w.Consents.AddAccountHandle(t.Context(), by.Requests(),
			wire.ReferenceRequest{Type: "accountId", Value: account}))(t)
	}
	for what, test := range map[string]struct {
		handle string
		want   error
	}{
		"her own":                      {refer(c, account(annas)), nil},
		"another's":                    {refer(c, account(brams)), library.ErrNotFound},
		"an unknown one":               {refer(c, "1_unknown"), library.ErrNotFound},
		"another application's handle": {refer(foreign, account(annas)), library.ErrNotFound},
		"no handle":                    {"", library.ErrNotFound},
	} {
		t.Run(what, func(t *testing.T) {
			opened := carreltest.Must(w.Consents.AuthorizeForToken(t.Context(),
				c.Requests(carreltest.WithToken(annas.Token()), carreltest.ReturningTo(carreltest.Callback)),
				wire.SessionOptions{}))(t)
			request := anna.Opens(library.ReauthorizeRequest, opened.Code)
			asked := delivery.ConnectionQuery{AccountHandle: test.handle}
			_, err := w.Connections.Complete(t.Context(), bram.SignedIn(), request, asked)
			if !errors.Is(err, library.ErrWrongPerson) {
				t.Errorf("another person's browser: %v", err)
			}
			step, err := w.Connections.ConnectionStep(t.Context(), anna.SignedIn(), request, asked)
			if !errors.Is(err, test.want) || step != (delivery.ConnectionStep{}) {
				t.Errorf("%+v, %v", step, err)
			}
			if err != nil {
				return
			}
			back := carreltest.Must(w.Connections.Complete(t.Context(), anna.SignedIn(), request, asked))(t)
			if carreltest.QueryOf(t, back).Get("success") != "true" {
				t.Errorf("callback %q", back)
			}
			if _, err := annas.ReadsSession(opened.Session.Key); (err == nil) != (test.want == nil) {
				t.Errorf("reading with the session promised: %v", err)
			}
		})
	}
}

// TestAddAccountHandleRefused: a handle stands for an account and for nothing else.
func TestAddAccountHandleRefused(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	c := w.Application().Contract(library.Read)
	for what, test := range map[string]struct {
		kind, value string
		want        *library.Refusal
	}{
		"a storage": {"cloudId", "any", library.Unknown("Storage")},
		"another kind of handle": {"email", "anna@example.org",
			library.InvalidParameter("type must be accountId or cloudId")},
		"no account": {"accountId", "", library.InvalidParameter("value: want an id of 1 to 256 bytes")},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := w.Consents.AddAccountHandle(t.Context(), c.Requests(),
				wire.ReferenceRequest{Type: test.kind, Value: test.value})
			carreltest.Refused(t, what, err, test.want)
		})
	}
}

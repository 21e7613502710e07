package delivery_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/web"
)

// leave starts an authorization of a person at the world's provider, and returns the parameters with
// which the provider sends the browser back.
func leave(t *testing.T, w *carreltest.World, p *carreltest.Person) delivery.CallbackParams {
	t.Helper()
	r := p.Asked(w.Application().Contract(library.Write))
	return delivery.CallbackParams{
		Source: carreltest.SourceID,
		State:  p.LeavesFor(r, delivery.Target{Source: carreltest.SourceID}),
		Code:   seal.SecretOf(carreltest.GoodCode),
	}
}

// TestAuthorizationEnds: the parameters of the callback decide how an authorization ends.
func TestAuthorizationEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code, err string
		takes     time.Duration
		end       delivery.AuthorizationResult
		event     string
	}{
		"said no":        {"", "access_denied", 0, delivery.AuthorizationRefused, "account.refused"},
		"a fault there":  {"", "server_error", 0, delivery.AuthorizationFailed, "account.refused"},
		"neither":        {"", "", 0, delivery.AuthorizationFailed, "account.refused"},
		"code not taken": {"bad", "", 0, delivery.AuthorizationRefused, "account.refused"},
		"a code, and error": {carreltest.GoodCode, "access_denied", 0, delivery.AuthorizationRefused,
			"account.refused"},
		"much too late": {carreltest.GoodCode, "", 31 * time.Minute, delivery.AuthorizationTimedOut,
			"account.refused"},
		"connected": {carreltest.GoodCode, "", 10 * time.Minute, delivery.AuthorizationConnected,
			"account.connected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carreltest.New(t)
			p := w.Person("anna@example.org")
			answer := leave(t, w, p)
			answer.Code, answer.Error = seal.Secret{}, test.err
			if test.code != "" {
				answer.Code = seal.SecretOf(test.code)
			}
			w.Clock.Moves(test.takes / 2)
			p.SignedIn() // in another tab
			w.Clock.Moves(test.takes - test.takes/2)
			back := carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), answer))(t)
			if back.Result != test.end || back.Return != carreltest.AccountPage ||
				back.Source.Name != carreltest.SourceName {
				t.Errorf("returned %+v", back)
			}
			if got := p.Activity(); !strings.HasSuffix(got, test.event) {
				t.Errorf("activity %s", got)
			}
			wantEnded(t, w, p, answer, back)
		})
	}
}

// wantEnded checks that an authorization is over, that a browser that comes back once more gets the
// first result, and that nothing that it connected can be seen before the person has allowed it.
func wantEnded(
	t *testing.T,
	w *carreltest.World,
	p *carreltest.Person,
	answer delivery.CallbackParams,
	first *delivery.CallbackResult,
) {
	t.Helper()
	events := len(p.Events())
	again := carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), answer))(t)
	if again.Result != first.Result || again.Return != first.Return || again.Source.ID != first.Source.ID {
		t.Errorf("the second time: %+v, want %+v", again, first)
	}
	if n := len(p.Events()); n != events {
		t.Errorf("the second time there are %d events more", n-events)
	}
	_, err := w.Connections.ReturnPage(t.Context(), answer.State)
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("return page of an ended authorization: %v", err)
	}
	if list := carreltest.Must(w.Connections.List(t.Context(), p.SignedIn()))(t); len(list) != 0 {
		t.Errorf("listed %+v", list)
	}
}

// TestReturnPage: the state of an authorization leads to the page that began it.
func TestReturnPage(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	answer := leave(t, w, w.Person())
	if got := carreltest.Must(w.Connections.ReturnPage(t.Context(), answer.State))(t); got != carreltest.AccountPage {
		t.Errorf("return of the state: %q", got)
	}
}

// TestAuthorizationIsBoundToBrowser: only the browser that started an authorization can end it.
func TestAuthorizationIsBoundToBrowser(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	answer := leave(t, w, anna)
	left := anna.SignedIn()
	unknown, elsewhere := answer, answer
	unknown.State = seal.NewSecret()
	elsewhere.Source++
	for name, test := range map[string]struct {
		browser *library.SignedIn
		answer  delivery.CallbackParams
		want    error
	}{
		"another person's":              {bram.SignedIn(), answer, library.ErrWrongPerson},
		"another browser of hers":       {anna.SignsIn(), answer, library.ErrWrongPerson},
		"a state that is not ours":      {left, unknown, library.ErrNotFound},
		"at another provider's address": {left, elsewhere, library.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Connections.HandleCallback(t.Context(), test.browser, test.answer)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	back := carreltest.Must(w.Connections.HandleCallback(t.Context(), left, answer))(t)
	if back.Result != delivery.AuthorizationConnected {
		t.Errorf("her own: %+v", back)
	}
}

// TestStartAuthorization: the address of an authorization does not name the person, and has the
// parameters of the request.
func TestStartAuthorization(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	r := anna.Asked(w.Application().Contract(library.Write))
	address := carreltest.Must(w.Connections.StartAuthorization(t.Context(), anna.SignedIn(), r,
		delivery.Target{Source: carreltest.SourceID}, "/page"))(t)
	q := carreltest.Must(url.Parse(address))(t).Query()
	if q.Get("redirect_uri") != fmt.Sprintf("%s%s/%d", w.URL, web.ProviderReturnPath, carreltest.SourceID) ||
		len(q.Get("state")) < 40 || len(q.Get("correlation")) != 36 || len(q.Get("verifier")) < 43 {
		t.Errorf("the address has the parameters %v", q)
	}
	if strings.Contains(address, "anna") {
		t.Errorf("the address names the person: %s", address)
	}
}

// TestStartAuthorizationRefused: what cannot be connected, or is not the person's or the
// application's, is not found.
func TestStartAuthorizationRefused(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	c, other := w.Application().Contract(library.Write), w.Application().Contract(library.Write)
	_, annas := anna.Connects(c)
	for name, test := range map[string]struct {
		person   *carreltest.Person
		contract *carreltest.Contract
		target   delivery.Target
	}{
		"a source that is not there":        {anna, c, delivery.Target{Source: 5}},
		"an account that is not there":      {anna, c, delivery.Target{Account: "1_x"}},
		"nothing":                           {anna, c, delivery.Target{}},
		"somebody else's account":           {bram, c, delivery.Target{Account: annas.ID}},
		"an account of another application": {anna, other, delivery.Target{Account: annas.ID}},
	} {
		t.Run(name, func(t *testing.T) {
			r := test.person.Asked(test.contract)
			_, err := w.Connections.StartAuthorization(t.Context(), test.person.SignedIn(), r, test.target, "/page")
			if !errors.Is(err, library.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
}

// connectAndDeny connects the world's provider on the way of a request, and denies the request. It
// returns what was connected.
func connectAndDeny(
	t *testing.T, w *carreltest.World, p *carreltest.Person, c *carreltest.Contract,
) *delivery.Connection {
	t.Helper()
	opened := carreltest.Must(w.Consents.Authorize(t.Context(), c.Requests(carreltest.Authorizing),
		wire.SessionOptions{}))(t)
	r := p.Opens(library.AuthorizeRequest, opened.Code)
	state := p.LeavesFor(r, delivery.Target{Source: carreltest.SourceID})
	carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), delivery.CallbackParams{
		Source: carreltest.SourceID, State: state, Code: seal.SecretOf(carreltest.GoodCode),
	}))(t)
	r = p.Opens(r.Kind, opened.Code)
	connected := p.Connected(r)
	carreltest.Must(w.Consents.Deny(t.Context(), r, p.SignedIn(), library.CallbackUserCancel))(t)
	return connected
}

// TestDenyAfterConnecting: a no leaves nothing of what was connected for it.
func TestDenyAfterConnecting(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	pending := connectAndDeny(t, w, w.Person(), w.Application().Contract(library.Write))
	_, err := w.Store.GetConnection(t.Context(), pending.Library, pending.ID, false)
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the account after a no: %v", err)
	}
}

// TestDenyAfterConnectingAgain: an account that stands already, and was connected again on the way
// of a request, stays after a no.
func TestDenyAfterConnectingAgain(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p, c := w.Person(), w.Application().Contract(library.Write)
	_, account := p.Connects(c)
	connectAndDeny(t, w, p, c)
	if list := carreltest.Must(w.Connections.List(t.Context(), p.SignedIn()))(t); len(list) != 1 ||
		list[0].ID != account.ID {
		t.Errorf("kept %+v", list)
	}
}

// TestOnboardNothing: an application that asked to connect a source learns when none was.
func TestOnboardNothing(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	c := w.Application().Contract(library.Write)
	g, _ := p.Connects(c)
	opened := carreltest.Must(w.Consents.AuthorizeForToken(t.Context(), c.Requests(carreltest.WithToken(g.Token()),
		carreltest.ReturningTo(carreltest.Callback)), wire.SessionOptions{}))(t)
	r := p.Opens(library.OnboardRequest, opened.Code)
	q := carreltest.QueryOf(t, carreltest.Must(w.Connections.Complete(t.Context(), p.SignedIn(), r,
		delivery.ConnectionQuery{}))(t))
	if q.Get("success") != "false" || q.Get("errorCode") != string(library.CallbackOnboardError) {
		t.Errorf("callback %v", q)
	}
}

// TestAllowAnotherConnection: a yes counts only for the account that the person was asked
// about; until then it changes nothing.
func TestAllowAnotherConnection(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	c := w.Application().Contract(library.Write)
	opened := carreltest.Must(w.Consents.Authorize(t.Context(), c.Requests(carreltest.Authorizing),
		wire.SessionOptions{}))(t)
	r := p.Opens(library.AuthorizeRequest, opened.Code)
	allow := func(shown wire.AccountID) error {
		_, err := w.Consents.Allow(t.Context(), p.SignedIn(), r, shown)
		return err
	}
	if err := allow("1_x"); !errors.Is(err, library.ErrConnectionChanged) {
		t.Errorf("an account where none is connected: %v", err)
	}
	state := p.LeavesFor(r, delivery.Target{Source: carreltest.SourceID})
	carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), delivery.CallbackParams{
		Source: carreltest.SourceID, State: state, Code: seal.SecretOf(carreltest.GoodCode),
	}))(t)
	for _, shown := range []wire.AccountID{"", "1_x"} {
		if err := allow(shown); !errors.Is(err, library.ErrConnectionChanged) {
			t.Errorf("shown %q where another is connected: %v", shown, err)
		}
	}
	if list := carreltest.Must(w.Connections.List(t.Context(), p.SignedIn()))(t); len(list) != 0 ||
		strings.Contains(p.Activity(), "app.allowed") {
		t.Errorf("a refused yes has allowed something: %+v, activity %s", list, p.Activity())
	}
	// Allow looks by itself: the request was found before the account was connected.
	if err := allow(p.Connected(p.Opens(r.Kind, opened.Code)).ID); err != nil {
		t.Errorf("shown what is connected: %v", err)
	}
}

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

// TestAuthorizationEnds: the parameters of the callback decide how an authorization ends.
func TestAuthorizationEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer delivery.CallbackParams
		takes  time.Duration
		end    delivery.AuthorizationResult
		event  string
	}{
		"said no": {delivery.CallbackParams{Error: "access_denied"}, 0, delivery.AuthorizationRefused,
			"account.refused"},
		"a fault there": {delivery.CallbackParams{Error: "server_error"}, 0, delivery.AuthorizationFailed,
			"account.refused"},
		"neither": {delivery.CallbackParams{}, 0, delivery.AuthorizationFailed, "account.refused"},
		"code not taken": {delivery.CallbackParams{Code: seal.SecretOf("bad")}, 0, delivery.AuthorizationRefused,
			"account.refused"},
		"much too late": {delivery.CallbackParams{Code: seal.SecretOf(carreltest.GoodCode)}, 31 * time.Minute,
			delivery.AuthorizationTimedOut, "account.refused"},
		"a code, and error": {delivery.CallbackParams{Code: seal.SecretOf(carreltest.GoodCode),
			Error: "access_denied"}, 0,
			delivery.AuthorizationRefused, "account.refused"},
		"connected": {delivery.CallbackParams{Code: seal.SecretOf(carreltest.GoodCode)}, 10 * time.Minute,
			delivery.AuthorizationConnected, "account.connected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carreltest.New(t)
			p := w.Person("anna@example.org")
			r := p.Asked(w.Application().Contract(library.Write))
			test.answer.Source = carreltest.SourceID
			test.answer.State = p.LeavesFor(r, delivery.Target{Source: carreltest.SourceID})
			got := carreltest.Must(w.Connections.ReturnPage(t.Context(), test.answer.State))(t)
			if got != carreltest.AccountPage {
				t.Errorf("return of the state: %q", got)
			}
			w.Clock.Moves(test.takes / 2)
			p.SignedIn() // in another tab
			w.Clock.Moves(test.takes - test.takes/2)
			back := carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), test.answer))(t)
			if back.Result != test.end || back.Return != carreltest.AccountPage ||
				back.Source.Name != carreltest.SourceName {
				t.Errorf("returned %+v", back)
			}
			if got := p.Activity(); !strings.HasSuffix(got, test.event) {
				t.Errorf("activity %s", got)
			}
			events := len(p.Events())
			again := carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), test.answer))(t)
			if again.Result != back.Result || again.Return != back.Return || again.Source.ID != back.Source.ID {
				t.Errorf("the second time: %+v, want %+v", again, back)
			}
			if n := len(p.Events()); n != events {
				t.Errorf("the second time there are %d events more", n-events)
			}
			_, err := w.Connections.ReturnPage(t.Context(), test.answer.State)
			if !errors.Is(err, library.ErrNotFound) {
				t.Errorf("return page of an ended authorization: %v", err)
			}
			// Nothing may be seen or used before the person has allowed it.
			if list := carreltest.Must(w.Connections.List(t.Context(), p.SignedIn()))(t); len(list) != 0 {
				t.Errorf("listed %+v", list)
			}
		})
	}
}

// TestAuthorizationIsBoundToBrowser: only the browser that started an authorization can end it.
func TestAuthorizationIsBoundToBrowser(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	c := w.Application().Contract(library.Write)
	r := anna.Asked(c)
	answer := delivery.CallbackParams{
		Source: carreltest.SourceID,
		State:  anna.LeavesFor(r, delivery.Target{Source: carreltest.SourceID}),
		Code:   seal.SecretOf(carreltest.GoodCode),
	}
	_, err := w.Connections.HandleCallback(t.Context(), bram.SignedIn(), answer)
	if !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another person's: %v", err)
	}
	left := anna.SignedIn()
	other := anna.SignsIn()
	if _, err := w.Connections.HandleCallback(t.Context(), other, answer); !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another browser of hers: %v", err)
	}
	unknown := delivery.CallbackParams{Source: carreltest.SourceID, State: seal.NewSecret(),
		Code: seal.SecretOf(carreltest.GoodCode)}
	if _, err := w.Connections.HandleCallback(t.Context(), left, unknown); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("a state that is not ours: %v", err)
	}
	elsewhere := answer
	elsewhere.Source++
	if _, err := w.Connections.HandleCallback(t.Context(), left, elsewhere); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("at another provider's address: %v", err)
	}
	back := carreltest.Must(w.Connections.HandleCallback(t.Context(), left, answer))(t)
	if back.Result != delivery.AuthorizationConnected {
		t.Errorf("her own: %+v", back)
	}
}

// TestStartAuthorization: the address of an authorization does not name the person, has the parameters of the request,
// and is that of a provider that can be connected.
func TestStartAuthorization(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	c := w.Application().Contract(library.Write)
	r := anna.Asked(c)
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
	for name, test := range map[string]struct {
		target delivery.Target
		want   error
	}{
		"a source that is not there":   {delivery.Target{Source: 5}, library.ErrNotFound},
		"an account that is not there": {delivery.Target{Account: "1_x"}, library.ErrNotFound},
		"nothing":                      {delivery.Target{}, library.ErrNotFound},
	} {
		_, err := w.Connections.StartAuthorization(t.Context(), anna.SignedIn(), r, test.target, "/page")
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, annas := anna.Connects(c)
	_, err := w.Connections.StartAuthorization(t.Context(), bram.SignedIn(), bram.Asked(c),
		delivery.Target{Account: annas.ID}, "/page")
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("somebody else's account: %v", err)
	}
	other := w.Application().Contract(library.Write)
	_, err = w.Connections.StartAuthorization(t.Context(), anna.SignedIn(), anna.Asked(other),
		delivery.Target{Account: annas.ID}, "/page")
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("an account of another application: %v", err)
	}
}

// TestDenyAfterConnecting: a no leaves nothing of what was connected for it.
func TestDenyAfterConnecting(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	p := w.Person("anna@example.org")
	c := w.Application().Contract(library.Write)
	opened := carreltest.Must(w.Consents.Authorize(t.Context(), c.Requests(carreltest.Authorizing),
		wire.SessionOptions{}))(t)
	r := p.Opens(library.AuthorizeRequest, opened.Code)
	state := p.LeavesFor(r, delivery.Target{Source: carreltest.SourceID})
	carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), delivery.CallbackParams{
		Source: carreltest.SourceID, State: state, Code: seal.SecretOf(carreltest.GoodCode),
	}))(t)
	r = p.Opens(r.Kind, opened.Code)
	pending := p.Connected(r)
	carreltest.Must(w.Consents.Deny(t.Context(), r, p.SignedIn(), library.CallbackUserCancel))(t)
	_, err := w.Store.GetConnection(t.Context(), pending.Library, pending.ID, false)
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the account after a no: %v", err)
	}
	// One that stands already, and was connected again on the way, stays.
	_, account := p.Connects(c)
	opened = carreltest.Must(w.Consents.Authorize(t.Context(), c.Requests(carreltest.Authorizing),
		wire.SessionOptions{}))(t)
	r = p.Opens(library.AuthorizeRequest, opened.Code)
	state = p.LeavesFor(r, delivery.Target{Source: carreltest.SourceID})
	carreltest.Must(w.Connections.HandleCallback(t.Context(), p.SignedIn(), delivery.CallbackParams{
		Source: carreltest.SourceID, State: state, Code: seal.SecretOf(carreltest.GoodCode),
	}))(t)
	r = p.Opens(r.Kind, opened.Code)
	carreltest.Must(w.Consents.Deny(t.Context(), r, p.SignedIn(), library.CallbackUserCancel))(t)
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

package library_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestTripEnds: what the browser brings back decides how a trip ends.
func TestTripEnds(t *testing.T) {
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
		"much too late": {delivery.CallbackParams{Code: seal.SecretOf("good")}, 31 * time.Minute,
			delivery.AuthorizationTimedOut, "account.refused"},
		"a code, and error": {delivery.CallbackParams{Code: seal.SecretOf("good"), Error: "access_denied"}, 0,
			delivery.AuthorizationRefused, "account.refused"},
		"connected": {delivery.CallbackParams{Code: seal.SecretOf("good")}, 10 * time.Minute,
			delivery.AuthorizationConnected, "account.connected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.resident("anna@example.org")
			r := p.request(w.contract(w.application(), library.Write))
			test.answer.Source, test.answer.State = gp.ID, p.depart(r, delivery.Target{Source: gp.ID})
			if got := must(w.accounts.ReturnPage(t.Context(), test.answer.State))(t); got != "/the/page" {
				t.Errorf("return of the state: %q", got)
			}
			w.pass(test.takes / 2)
			p.in() // in another tab
			w.pass(test.takes - test.takes/2)
			back := must(w.accounts.HandleCallback(t.Context(), p.in(), test.answer))(t)
			if back.Result != test.end || back.Return != "/the/page" || back.Source.Name != gp.Name {
				t.Errorf("returned %+v", back)
			}
			if got := p.events(); !strings.HasSuffix(got, test.event) {
				t.Errorf("activity %s", got)
			}
			if _, err := w.accounts.HandleCallback(t.Context(), p.in(), test.answer); !errors.Is(err, library.ErrUsed) {
				t.Errorf("the second time: %v", err)
			}
			if _, err := w.accounts.ReturnPage(t.Context(), test.answer.State); !errors.Is(err, library.ErrNotFound) {
				t.Errorf("return of an ended trip: %v", err)
			}
			// Nothing may be seen or used before the person has allowed it.
			if list := must(w.accounts.List(t.Context(), p.in()))(t); len(list) != 0 {
				t.Errorf("listed %+v", list)
			}
		})
	}
}

// TestTripIsOneBrowsers: only the browser that left may come back.
func TestTripIsOneBrowsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	c := w.contract(w.application(), library.Write)
	r := anna.request(c)
	answer := delivery.CallbackParams{
		Source: gp.ID,
		State:  anna.depart(r, delivery.Target{Source: gp.ID}),
		Code:   seal.SecretOf("good"),
	}
	if _, err := w.accounts.HandleCallback(t.Context(), bram.in(), answer); !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another person's: %v", err)
	}
	left := anna.in()
	other := anna.signIn()
	if _, err := w.accounts.HandleCallback(t.Context(), other, answer); !errors.Is(err, library.ErrWrongPerson) {
		t.Errorf("another browser of hers: %v", err)
	}
	unknown := delivery.CallbackParams{Source: gp.ID, State: seal.NewSecret(), Code: seal.SecretOf("good")}
	if _, err := w.accounts.HandleCallback(t.Context(), left, unknown); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("a state that is not ours: %v", err)
	}
	elsewhere := answer
	elsewhere.Source++
	if _, err := w.accounts.HandleCallback(t.Context(), left, elsewhere); !errors.Is(err, library.ErrNotFound) {
		t.Errorf("at another provider's address: %v", err)
	}
	if back := must(w.accounts.HandleCallback(t.Context(), left,
		answer))(t); back.Result != delivery.AuthorizationConnected {
		t.Errorf("her own: %+v", back)
	}
}

// TestDepart: a trip says nothing of the person, carries what was asked, and leads only
// to what can be connected.
func TestDepart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	c := w.contract(w.application(), library.Write)
	r := anna.request(c)
	address := must(
		w.accounts.StartAuthorization(t.Context(), anna.in(), r, delivery.Target{Source: gp.ID}, "/page"),
	)(t)
	q := must(url.Parse(address))(t).Query()
	if q.Get("redirect_uri") != fmt.Sprint(returnTo, "/", gp.ID) || len(q.Get("state")) < 40 ||
		len(q.Get("correlation")) != 36 ||
		len(q.Get("verifier")) < 43 {
		t.Errorf("departed with %v", q)
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
		if _, err := w.accounts.StartAuthorization(t.Context(), anna.in(), r, test.target, "/page"); !errors.Is(
			err,
			test.want,
		) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, annas := anna.connect(c)
	if _, err := w.accounts.StartAuthorization(t.Context(), bram.in(), bram.request(c),
		delivery.Target{Account: annas.ID}, "/page"); !errors.Is(
		err,
		library.ErrNotFound,
	) {
		t.Errorf("somebody else's account: %v", err)
	}
	other := w.contract(w.application(), library.Write)
	if _, err := w.accounts.StartAuthorization(t.Context(), anna.in(), anna.request(other),
		delivery.Target{Account: annas.ID}, "/page"); !errors.Is(
		err,
		library.ErrNotFound,
	) {
		t.Errorf("an account of another application: %v", err)
	}
}

// TestDenyAfterConnecting: a no leaves nothing of what was connected for it.
func TestDenyAfterConnecting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.resident("anna@example.org")
	c := w.contract(w.application(), library.Write)
	opened := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
	r := must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
	state := p.depart(r, delivery.Target{Source: gp.ID})
	must(
		w.accounts.HandleCallback(
			t.Context(),
			p.in(),
			delivery.CallbackParams{Source: gp.ID, State: state, Code: seal.SecretOf("good")},
		),
	)(t)
	r = p.again(r, opened.Code.Reveal())
	pending := p.connected(r)
	must(w.consents.Deny(t.Context(), r, p.in(), library.CallbackUserCancel))(t)
	_, err := w.db.GetConnection(t.Context(), pending.Library, pending.ID, false)
	if !errors.Is(err, library.ErrNotFound) {
		t.Errorf("the account after a no: %v", err)
	}
	// One that stands already, and was connected again on the way, stays.
	_, account := p.connect(c)
	opened = must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
	r = must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
	state = p.depart(r, delivery.Target{Source: gp.ID})
	must(
		w.accounts.HandleCallback(
			t.Context(),
			p.in(),
			delivery.CallbackParams{Source: gp.ID, State: state, Code: seal.SecretOf("good")},
		),
	)(t)
	r = p.again(r, opened.Code.Reveal())
	must(w.consents.Deny(t.Context(), r, p.in(), library.CallbackUserCancel))(t)
	if list := must(w.accounts.List(t.Context(), p.in()))(t); len(list) != 1 || list[0].ID != account.ID {
		t.Errorf("kept %+v", list)
	}
}

// TestOnboardNothing: an application that asked to connect a source learns when none was.
func TestOnboardNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.resident("anna@example.org")
	c := w.contract(w.application(), library.Write)
	g, _ := p.connect(c)
	opened := must(w.consents.AuthorizeForToken(t.Context(), c.call(accessToken(g.tokens.AccessToken.Value),
		func(q *wire.RequestClaims) { q.RedirectURI = callback }), wire.SessionOptions{}))(t)
	r := must(w.consents.FindRequest(t.Context(), library.OnboardRequest, opened.Code.Reveal()))(t)
	q := queryOf(t, must(w.accounts.Complete(t.Context(), p.in(), r, delivery.ConnectionQuery{}))(t))
	if q.Get("success") != "false" || q.Get("errorCode") != string(library.CallbackOnboardError) {
		t.Errorf("callback %v", q)
	}
}

// TestAllowAnotherConnection: a yes counts only for the account that the person was asked
// about; until then it changes nothing.
func TestAllowAnotherConnection(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.resident("anna@example.org")
	c := w.contract(w.application(), library.Write)
	opened := must(w.consents.Authorize(t.Context(), c.call(authorizing), wire.SessionOptions{}))(t)
	r := must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, opened.Code.Reveal()))(t)
	allow := func(shown wire.AccountID) error {
		_, err := w.consents.Allow(t.Context(), p.in(), r, shown)
		return err
	}
	if err := allow("1_x"); !errors.Is(err, library.ErrConnectionChanged) {
		t.Errorf("an account where none is connected: %v", err)
	}
	state := p.depart(r, delivery.Target{Source: gp.ID})
	must(
		w.accounts.HandleCallback(
			t.Context(),
			p.in(),
			delivery.CallbackParams{Source: gp.ID, State: state, Code: seal.SecretOf("good")},
		),
	)(t)
	for _, shown := range []wire.AccountID{"", "1_x"} {
		if err := allow(shown); !errors.Is(err, library.ErrConnectionChanged) {
			t.Errorf("shown %q where another is connected: %v", shown, err)
		}
	}
	if list := must(w.accounts.List(t.Context(), p.in()))(t); len(list) != 0 ||
		strings.Contains(p.events(), "app.allowed") {
		t.Errorf("a refused yes has allowed something: %+v, activity %s", list, p.events())
	}
	// Allow looks by itself: the request was found before the account was connected.
	if err := allow(p.connected(p.again(r, opened.Code.Reveal())).ID); err != nil {
		t.Errorf("shown what is connected: %v", err)
	}
}

package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
)

// hastily has deliveries tried again soon, and given up before an hour has passed.
func hastily(c *server.Config) {
	c.Deliveries.FirstRetry, c.Deliveries.Lifetime = 20*time.Millisecond, 30*time.Minute
}

// Whatever a provider does, its application is told what is known of the delivery, under
// one id, then and later.
func TestProviderAnswers(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t, hastily)
	w.Secrets.Plant(hidden)
	k := w.sender(t)
	refused := func(status int) refusal {
		return refusal{status, wire.CodeProviderRefused, "The provider has refused it: the provider answered …"}
	}
	unknown := refusal{504, wire.CodeDeliveryUnknown, "It is not known whether the provider has it: …"}
	expired := refusal{502, wire.CodeDeliveryExpired, "It was not delivered: the provider answered 503: busy"}
	for _, tt := range []struct {
		name   string
		is     simulator.Behaviour
		body   string
		state  string
		status int // of a success
		want   refusal
		// answer is what the provider's own answer has; empty if there is none.
		answer string
		filed  int
	}{
		{name: "right", state: "delivered", status: 201, answer: `"resourceType":"Observation"`, filed: 1},
		{name: "right, batch", body: batch(hidden, "b"), state: "delivered", status: 200, answer: `"batch-response"`,
			filed: 2},
		{name: "outcome", is: simulator.Behaviour{Resource: simulator.ResourceOperationOutcome}, state: "delivered",
			status: 201, answer: `"OperationOutcome"`, filed: 1},
		{name: "bare", is: simulator.Behaviour{Resource: simulator.ResourceNoBody}, state: "delivered", status: 201,
			filed: 1},
		{name: "empty", is: simulator.Behaviour{Resource: simulator.ResourceEmpty}, state: "delivered", status: 200,
			filed: 1},
		{name: "XML", is: simulator.Behaviour{Resource: simulator.ResourceXML}, state: "delivered", status: 200,
			filed: 1},
		{name: "half an answer", is: simulator.Behaviour{Resource: simulator.ResourceNotJSON}, state: "delivered",
			status: 201, filed: 1},
		{name: "cut within the answer", is: simulator.Behaviour{Resource: simulator.ResourceCutDuring},
			state: "delivered", status: 201, filed: 1},

		{name: "400", is: simulator.Behaviour{Resource: "400"}, state: "refused", want: refused(400),
			answer: `"OperationOutcome"`},
		{name: "409", is: simulator.Behaviour{Resource: "409"}, state: "refused", want: refused(409),
			answer: `"OperationOutcome"`},
		{name: "410", is: simulator.Behaviour{Resource: "410"}, state: "refused", want: refused(410),
			answer: `"OperationOutcome"`},
		{name: "412", is: simulator.Behaviour{Resource: "412"}, state: "refused", want: refused(412),
			answer: `"OperationOutcome"`},
		{name: "422", is: simulator.Behaviour{Resource: simulator.ResourceUnprocessable}, state: "refused",
			want: refused(422), answer: `"OperationOutcome"`},
		{name: "404", is: simulator.Behaviour{Resource: "404"}, state: "refused", want: refused(502),
			answer: `"OperationOutcome"`},
		{name: "405", is: simulator.Behaviour{Resource: "405"}, state: "refused", want: refused(502),
			answer: `"OperationOutcome"`},
		{name: "406", is: simulator.Behaviour{Resource: "406"}, state: "refused", want: refused(502),
			answer: `"OperationOutcome"`},
		{name: "415", is: simulator.Behaviour{Resource: "415"}, state: "refused", want: refused(502),
			answer: `"OperationOutcome"`},
		{name: "302", is: simulator.Behaviour{Resource: simulator.ResourceRedirect}, state: "refused",
			want: refused(502)},
		{name: "307", is: simulator.Behaviour{Resource: simulator.ResourceRedirect307}, state: "refused",
			want: refused(502)},
		{name: "a failed entry", is: simulator.Behaviour{Resource: simulator.ResourceFailedEntry},
			body: batch(hidden, "b"), state: "refused",
			want: refusal{422, wire.CodeProviderRefused,
				"The provider has refused it: the provider answered 200: but entry 2 of 2 has 422; 1 were filed"},
			answer: `"batch-response"`, filed: 1},

		{name: "a page", is: simulator.Behaviour{Resource: simulator.ResourceHTML}, state: "unknown", want: unknown},
		{name: "500", is: simulator.Behaviour{Resource: "500"}, state: "unknown", want: unknown,
			answer: `"OperationOutcome"`},
		{name: "500, filed", is: simulator.Behaviour{Resource: simulator.ResourceFiled500}, state: "unknown",
			want: unknown, answer: `"OperationOutcome"`, filed: 1},
		{name: "502, filed", is: simulator.Behaviour{Resource: simulator.ResourceFiled502}, state: "unknown",
			want: unknown, filed: 1},
		{name: "504, filed", is: simulator.Behaviour{Resource: simulator.ResourceFiled504}, state: "unknown",
			want: unknown, filed: 1},
		{name: "cut after", is: simulator.Behaviour{Resource: simulator.ResourceCutAfter}, state: "unknown",
			want: unknown, filed: 1},
		{name: "cut before", is: simulator.Behaviour{Resource: simulator.ResourceCutBefore}, state: "unknown",
			want: unknown},
		{name: "a Bundle too short", is: simulator.Behaviour{Resource: simulator.ResourceMissingEntry},
			body: batch(hidden, "b"), state: "unknown", want: unknown, answer: `"batch-response"`, filed: 2},

		{name: "429, then right", is: simulator.Behaviour{Resource: simulator.ResourceBusy, ResourceTimes: 2,
			RetryAfter: -1}, state: "delivered", status: 202, answer: `"resourceType":"Observation"`, filed: 1},
		{name: "503, then right", is: simulator.Behaviour{Resource: "503", ResourceTimes: 1, RetryAfter: -1},
			body: strings.Replace(weight(hidden), `"meta"`, `"language":"nl","meta"`, 1), state: "delivered",
			status: 202, answer: `"language":"nl"`, filed: 1},
		{name: "503 for longer than it is tried", is: simulator.Behaviour{Resource: "503", RetryAfter: time.Hour},
			state: "expired", want: expired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.body == "" {
				tt.body = weight(hidden)
			}
			w.Simulator.SetBehaviour(linde, tt.is)
			filed := entries(w.Simulator.Filed())
			a := w.send(t, w.deliver(k.Grant, k.account, tt.body))
			id := a.Header.Get(wire.HeaderDelivery)
			switch {
			case id == "" || len(a.Header.Values(wire.HeaderDelivery)) != 1:
				t.Fatalf("%d %s names no delivery: %v", a.StatusCode, a.body, a.Header)
			case tt.want.status != 0:
				w.Secrets.Forget(hidden) // the provider may quote what it was sent
				w.refused(t, a, tt.want)
				w.Secrets.Plant(hidden)
				e, err := errorOf(a)
				if own := tt.state == "refused" && tt.answer != ""; err != nil || own != (e.Outcome != nil) ||
					own && !strings.Contains(string(e.Outcome), tt.answer) {
					t.Errorf("outcome %s, want the provider's words of a refusal: %q", e.Outcome, tt.answer)
				}
			case a.StatusCode != tt.status || a.Header.Get("Content-Type") != "application/json" ||
				a.Header.Get("Cache-Control") != "no-store":
				t.Errorf("%d %v, want %d", a.StatusCode, a.Header, tt.status)
			case tt.status != 202 && tt.answer != "":
				if !strings.Contains(string(a.body), tt.answer) {
					t.Errorf("answer %s, want the provider's own, with %q", a.body, tt.answer)
				}
			default:
				said := wire.PushDelivered
				if tt.status == 202 {
					said = wire.PushAccepted
				}
				var got wire.PushAnswer
				err := unmarshal(a.body, &got)
				if err != nil || got.Status != said || got.Delivery == nil || got.Delivery.ID != id ||
					got.Delivery.Account != k.account {
					t.Errorf("answer %s, want %s of %s", a.body, said, id)
				}
			}
			d := w.deliveryOf(t, k.Grant, id)
			if tt.status == 202 {
				carreltest.Eventually(t, "it is delivered", func() bool {
					d = w.deliveryOf(t, k.Grant,
						id)
					return d.State != "waiting" && d.State != "posting"
				})
			}
			if d.ID != id || d.State != tt.state || d.Account != k.account ||
				!strings.HasPrefix(d.Provider, "Huisartsenpraktijk De Linde") || d.NextAttempt != 0 || d.Attempts < 1 {
				t.Errorf("delivery %s %s of %s at %s after %d attempts, want %s", d.ID, d.State, d.Account,
					d.Provider, d.Attempts, tt.state)
			}
			if !strings.Contains(string(d.Answer), tt.answer) || (tt.answer == "" && d.Answer != nil) {
				t.Errorf("answer of the delivery %s, want one with %q", d.Answer, tt.answer)
			}
			if n := entries(w.Simulator.Filed()) - filed; n != tt.filed {
				t.Errorf("%d were filed, want %d", n, tt.filed)
			}
		})
	}
	w.works(t)
}

func entries(filed []simulator.Filing) (n int) {
	for _, f := range filed {
		n += f.Entries
	}
	return n
}

// What needs the person is not taken for a fault of the application's token: nothing is
// refreshed, and nothing more is kept until they have connected again.
func TestProviderUnauthorized(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t, hastily)
	needed := refusal{511, wire.CodeServiceAuthorization, "Service authorization required"}
	for _, mode := range []simulator.ResourceMode{simulator.ResourceUnauthorized, simulator.ResourceForbidden} {
		t.Run(string(mode), func(t *testing.T) {
			k := w.sender(t)
			w.Simulator.SetBehaviour(linde, simulator.Behaviour{Resource: mode})
			a := w.send(t, w.deliver(k.Grant, k.account, weight("x")))
			w.refused(t, a, needed)
			if d := w.deliveryOf(t, k.Grant, a.Header.Get(wire.HeaderDelivery)); d.State != "reconnect" {
				t.Errorf("delivery %+v", d)
			}
			w.Simulator.SetBehaviour(linde, simulator.Behaviour{})
			a = w.refuses(t, w.deliver(k.Grant, k.account, weight("x")), needed)
			if a.Header.Get(wire.HeaderDelivery) != "" {
				t.Error("what was not kept has an id")
			}
			for _, account := range w.accounts(t, k.Grant) {
				if account.ID == k.account &&
					(account.AccessTokenStatus == nil || account.AccessTokenStatus.Authorized) {
					t.Errorf("the account does not say so: %+v", account)
				}
			}
			again := w.senderOf(t, k.person, w.write)
			if again.account != k.account {
				t.Errorf("connected again under another id")
			}
			w.mustSend(t, w.deliver(k.Grant, k.account, weight("x")), nil)
		})
	}
	t.Run("401, renewed", func(t *testing.T) {
		w.Simulator.SetBehaviour(linde, simulator.Behaviour{RefreshTokens: true})
		k := w.sender(t)
		w.Simulator.SetBehaviour(linde,
			simulator.Behaviour{RefreshTokens: true, Resource: simulator.ResourceUnauthorized, ResourceTimes: 1})
		if a := w.send(t, w.deliver(k.Grant, k.account, weight("x"))); a.StatusCode != 201 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// The provider's answer is handed on byte for byte: the simulator sorts its members, keeps
// numbers as they are and ends it with a line feed.
func TestProviderAnswerUntouched(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	body := strings.Replace(weight(`<b>&"é\☂`), `72.50`, `72.5000`, 1)
	a := w.send(t, w.deliver(k.Grant, k.account, body))
	in := json.NewDecoder(bytes.NewReader(a.body))
	in.UseNumber()
	var v map[string]any
	if err := in.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.NewEncoder(&want).Encode(v); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.body, want.Bytes()) || !strings.Contains(string(a.body), `72.5000`) {
		t.Errorf("answer\n%q, want\n%q", a.body, want.Bytes())
	}
	if got := w.Simulator.Received(); len(got) != 1 || string(got[0].Body) != body {
		t.Errorf("the provider got %+v", got)
	}
	var later, now any
	if err := unmarshal(w.deliveryOf(t, k.Grant, a.Header.Get(wire.HeaderDelivery)).Answer, &later); err != nil {
		t.Fatal(err)
	}
	if err := unmarshal(a.body, &now); err != nil || fmt.Sprint(now) != fmt.Sprint(later) {
		t.Errorf("told later %v, then %v", later, now)
	}
}

// A push waits for a while. The delivery does not depend on who waits for it.
func TestProviderSlow(t *testing.T) {
	t.Parallel()
	ended := func(w *world, t *testing.T, k *sender, id string) wire.Delivery {
		var d wire.Delivery
		carreltest.Eventually(t, "it has ended",
			func() bool { d = w.deliveryOf(t, k.Grant, id); return d.State != "waiting" && d.State != "posting" })
		return d
	}
	t.Run("slower than a push waits", func(t *testing.T) {
		w := newProviderWorld(t, func(c *server.Config) { c.Deliveries.AnswerTimeout = 50 * time.Millisecond })
		k := w.sender(t)
		w.Simulator.SetBehaviour(linde,
			simulator.Behaviour{Resource: simulator.ResourceSlow, Slow: 500 * time.Millisecond})
		var got wire.PushAnswer
		a := w.mustSend(t, w.deliver(k.Grant, k.account, weight("x")), &got)
		if a.StatusCode != 202 || got.Status != wire.PushAccepted || got.Delivery.State != "waiting" ||
			got.Delivery.ID != a.Header.Get(wire.HeaderDelivery) {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		d := ended(w, t, k, got.Delivery.ID)
		if d.State != "delivered" || d.Attempts != 1 || !strings.Contains(string(d.Answer), "Observation") {
			t.Errorf("delivery %+v", d)
		}
		if n := len(w.Simulator.Filed()); n != 1 {
			t.Errorf("%d were filed", n)
		}
	})
	t.Run("slower than its client", func(t *testing.T) {
		w := newProviderWorld(t)
		k := w.sender(t)
		w.Simulator.SetBehaviour(linde,
			simulator.Behaviour{Resource: simulator.ResourceSlow, Slow: 500 * time.Millisecond})
		l := w.dial(t)
		body := weight("x")
		if err := l.say("%s%s", w.headTo(k, fmt.Sprintf("Content-Length: %d", len(body))), body); err != nil {
			t.Fatal(err)
		}
		var list wire.DeliveryList
		carreltest.Eventually(t, "it is on its way", func() bool {
			w.mustSend(t, get("permission-access/deliveries", w.as(k.Grant, nil)), &list)
			return len(list.Data) == 1 && list.Data[0].State == "posting"
		})
		_ = l.Close()
		if d := ended(w, t, k, list.Data[0].ID); d.State != "delivered" || d.Attempts != 1 {
			t.Errorf("delivery %+v", d)
		}
		if n := len(w.Simulator.Filed()); n != 1 {
			t.Errorf("%d were filed", n)
		}
	})
	t.Run("more at once than are tried", func(t *testing.T) {
		w := newProviderWorld(t,
			func(c *server.Config) { c.Deliveries.MaxAttempts, c.Deliveries.AnswerTimeout = 1, time.Minute })
		k := w.sender(t)
		w.Simulator.SetBehaviour(linde,
			simulator.Behaviour{Resource: simulator.ResourceSlow, Slow: 100 * time.Millisecond})
		var mu sync.Mutex
		var statuses []int
		var wait sync.WaitGroup
		for i := range 5 {
			wait.Go(func() {
				a, err := w.try(t.Context(), w.deliver(k.Grant, k.account, weight(fmt.Sprint(i))))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				statuses = append(statuses, a.StatusCode)
			})
		}
		wait.Wait()
		slices.Sort(statuses)
		if statuses[0] != 201 || statuses[len(statuses)-1] != 202 {
			t.Errorf("statuses %v", statuses)
		}
		carreltest.Eventually(t, "all are filed", func() bool { return len(w.Simulator.Filed()) == 5 })
	})
}

// An application follows what it has sent for a person, and nothing else.
func TestDeliveriesAreOwn(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	theirs := w.sender(t)
	elsewhere := w.senderOf(t, k.person, w.foreignWrite)
	var list wire.DeliveryList
	a := w.mustSend(t, get("permission-access/deliveries", w.as(k.Grant, nil)), &list)
	if string(a.body) != `{"data":[]}` {
		t.Errorf("none: %s", a.body)
	}
	var own []string
	for i := range 3 {
		own = append(own,
			w.send(t, w.deliver(k.Grant, k.account, weight(fmt.Sprint("note ", i)))).Header.Get(wire.HeaderDelivery))
	}
	foreign := []string{w.send(t, w.deliver(theirs.Grant, theirs.account, weight("x"))).Header.Get(wire.HeaderDelivery),
		w.send(t, w.deliver(elsewhere.Grant, elsewhere.account, weight("x"))).Header.Get(wire.HeaderDelivery)}
	slices.Reverse(own) // newest first
	reader := w.Person().Allows(w.read)
	second := w.senderOf(t, k.person, w.second) // another contract of the same application
	if second.account == k.account {
		t.Errorf("the second contract has the account of the first, %s", k.account)
	}
	w.refuses(t, w.deliver(second.Grant, k.account, weight("x")), notFound("Account"))
	for name, by := range map[string]*carreltest.Grant{"its own contract": k.Grant,
		"the second contract": second.Grant} {
		a := w.mustSend(t, get("permission-access/deliveries", w.as(by, nil)), &list)
		var ids []string
		for _, d := range list.Data {
			ids = append(ids, d.ID)
			if d.State != "delivered" || d.Answer != nil || d.ProviderStatus != 201 || !slices.Equal(d.Types,
				[]string{"Observation"}) || d.Created == 0 || d.Updated < d.Created || d.Expires <= d.Created {
				t.Errorf("%s: %+v", name, d)
			}
		}
		if !slices.Equal(ids, own) {
			t.Errorf("%s: listed %v, want %v", name, ids, own)
		}
		if strings.Contains(string(a.body), "note ") || strings.Contains(string(a.body), "null") {
			t.Errorf("%s: the list holds more than it should: %s", name, a.body)
		}
	}
	if w.mustSend(t, get("permission-access/deliveries", w.as(reader, nil)), &list); len(list.Data) != 0 {
		t.Errorf("another person's: %+v", list.Data)
	}
	for _, id := range append(foreign, "nosuchdelivery", "%25", "..%2e", strings.Repeat("x", 5000), "%00",
		"%E2%98%82", strings.ToUpper(own[0])+"x") {
		t.Run(fmt.Sprintf("%.20s", id), func(t *testing.T) {
			w.refuses(t, get("permission-access/deliveries/"+id, w.as(k.Grant, nil)), notFound("Delivery"))
		})
	}
	for _, by := range []*carreltest.Grant{theirs.Grant, elsewhere.Grant, reader} {
		w.refuses(t, get("permission-access/deliveries/"+own[0], w.as(by, nil)), notFound("Delivery"))
	}
	w.refuses(t, get("permission-access/deliveries", w.bearer(w.write, nil)), invalid(wire.KindAccessToken))
	w.refuses(t, get("permission-access/deliveries/"+own[0], ""), badBearer("bearer token"))
	w.refuses(
		t,
		request{
			method: "DELETE",
			path:   "permission-access/deliveries/" + own[0],
			bearer: w.as(k.Grant, nil),
			header: http.Header{},
		},
		notFound("Call"),
	)

	// What has been sent stays known when the account is gone.
	r := request{
		method: "DELETE",
		path:   "permission-access/service/h:accountId",
		bearer: w.as(k.Grant, nil),
		header: http.Header{"Accountid": {string(k.account)}},
	}
	w.mustSend(t, r, nil)
	if d := w.deliveryOf(t, k.Grant, own[0]); d.State != "delivered" || d.Answer == nil {
		t.Errorf("after the account has gone: %+v", d)
	}
}

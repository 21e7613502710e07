package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// TestProviderSlowerThanPush checks that a push waits only for a while, and that its delivery goes on.
func TestProviderSlowerThanPush(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t, func(c *server.Config) { c.Deliveries.AnswerTimeout = 50 * time.Millisecond })
	k := w.sender(t)
	w.Simulator.SetBehaviour(linde, slowly(500*time.Millisecond))
	var got wire.PushAnswer
	a := w.mustSend(t, w.deliver(k.Grant, k.account, weight("x")), &got)
	if a.StatusCode != 202 || got.Status != wire.PushAccepted || got.Delivery.State != "waiting" ||
		got.Delivery.ID != a.Header.Get(wire.HeaderDelivery) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	d := w.endedDelivery(t, k, got.Delivery.ID)
	if d.State != "delivered" || d.Attempts != 1 || !strings.Contains(string(d.Answer), "Observation") {
		t.Errorf("delivery %+v", d)
	}
	if n := len(w.Simulator.Filed()); n != 1 {
		t.Errorf("%d were filed", n)
	}
}

// TestProviderSlowerThanClient checks that a delivery does not depend on the client that waits for it.
func TestProviderSlowerThanClient(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	w.Simulator.SetBehaviour(linde, slowly(500*time.Millisecond))
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
	if d := w.endedDelivery(t, k, list.Data[0].ID); d.State != "delivered" || d.Attempts != 1 {
		t.Errorf("delivery %+v", d)
	}
	if n := len(w.Simulator.Filed()); n != 1 {
		t.Errorf("%d were filed", n)
	}
}

// TestProviderSlowForMany pushes more at once than are tried at once.
func TestProviderSlowForMany(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t,
		func(c *server.Config) { c.Deliveries.MaxAttempts, c.Deliveries.AnswerTimeout = 1, time.Minute })
	k := w.sender(t)
	w.Simulator.SetBehaviour(linde, slowly(100*time.Millisecond))
	statuses := make([]int, 5)
	var wait sync.WaitGroup
	for i := range statuses {
		wait.Go(func() {
			a, err := w.try(t.Context(), w.deliver(k.Grant, k.account, weight(fmt.Sprint(i))))
			if err != nil {
				t.Error(err)
				return
			}
			statuses[i] = a.StatusCode
		})
	}
	wait.Wait()
	slices.Sort(statuses)
	if statuses[0] != 201 || statuses[len(statuses)-1] != 202 {
		t.Errorf("statuses %v", statuses)
	}
	carreltest.Eventually(t, "all are filed", func() bool { return len(w.Simulator.Filed()) == 5 })
}

// slowly is a provider that files, and answers after a time.
func slowly(d time.Duration) simulator.Behaviour {
	return simulator.Behaviour{Resource: simulator.ResourceSlow, Slow: d}
}

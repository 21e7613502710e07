package medmij

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/providertest"
)

// Without lists nothing is sent.
func TestNoLists(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t).newNetwork()
	if err := n.checkReady(); !errors.Is(err, errNoLists) {
		t.Errorf("ready: %v", err)
	}
	if _, _, err := n.DataServices(); !errors.Is(err, errNoLists) {
		t.Errorf("services: %v", err)
	}
	if _, err := n.AuthorizationURL(t.Context(), authorizationParams()); !errors.Is(err, errNoLists) ||
		errors.Is(err, delivery.ErrProviderGone) {
		t.Errorf("authorization: %v", err)
	}
	if o := n.Send(t.Context(), key53, sendRequest()); o.Kind != delivery.OutcomeNotFiled {
		t.Errorf("send: %+v", o)
	}
	if err := n.UpdateLists(t.Context()); err != nil || n.checkReady() != nil {
		t.Errorf("with lists: %v, %v", err, n.checkReady())
	}
}

// A client that is not on the list of clients sends nothing.
func TestClientNotListed(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	w.lists.publish(oclXML(11, "other.example.nl"))
	if err := n.UpdateLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.checkReady(); !errors.Is(err, errNotListed) || !strings.Contains(err.Error(), testClientID) {
		t.Errorf("ready: %v", err)
	}
	if _, err := n.AuthorizationURL(t.Context(), authorizationParams()); !errors.Is(err, errNotListed) {
		t.Errorf("authorization: %v", err)
	}
	if o := n.Send(t.Context(), key53, sendRequest()); o.Kind != delivery.OutcomeNotFiled ||
		!strings.Contains(o.Reason, "client list") {
		t.Errorf("send: %+v", o)
	}
}

func TestCheckCertificate(t *testing.T) {
	t.Parallel()
	for what, l := range map[string]providertest.CertOptions{
		"expired":                     {Hosts: []string{testClientID}, Expired: true},
		"not that of " + testClientID: {Hosts: []string{"other.example.nl"}},
		"certificate is not that":     {},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newTestNetwork(t)
			w.config.Certificate, w.config.Key = w.ca.Issue(t, l)
			n := w.newUpdatedNetwork()
			if err := n.checkReady(); err == nil || !strings.Contains(err.Error(), what) {
				t.Errorf("%v, want an error with %q", err, what)
			}
			if !strings.Contains(w.log.String(), "refuse the client certificate") {
				t.Errorf("the log says nothing: %s", w.log)
			}
		})
	}
}

func TestNextUpdateDelay(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newNetwork()
	if p := n.nextUpdateDelay(); p < 27*time.Second || p > 33*time.Second {
		t.Errorf("without lists the next update is after %v", p)
	}
	if err := n.UpdateLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[time.Duration]bool{}
	for range 20 {
		p := n.nextUpdateDelay()
		if p < 13*time.Minute || p > 17*time.Minute {
			t.Errorf("the next update is after %v", p)
		}
		seen[p] = true
	}
	if len(seen) < 2 {
		t.Error("no jitter")
	}
}

func TestRun(t *testing.T) {
	w := newTestNetwork(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n, err := New(w.config)
		if err != nil {
			t.Fatal(err)
		}
		n.config.ListURL = "gopher://%s" // fails before it connects: a synctest bubble has no network
		done := make(chan struct{})
		go func() { n.Run(ctx); close(done) }()
		time.Sleep(2 * time.Minute)
		cancel()
		<-done
	})
	if got := strings.Count(w.log.String(), "could not all be updated"); got < 3 || got > 6 {
		t.Errorf("%d tries in two minutes: %s", got, w.log)
	}
}

package server_test

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/provider/medmij"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/server"
)

// TestReloadedRoots replaces the roots of MedMij's providers in a server that runs. Wrong ones change nothing. With
// those of another authority nothing reaches a provider any more, and what waits is delivered with the right ones.
func TestReloadedRoots(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t, func(c *server.Config) { c.Deliveries.FirstRetry = 50 * time.Millisecond })
	ctx := t.Context()
	user, account := s.Visitor().Connects(s.Application().Contract(library.Write))
	push := func(delivered bool) digime.DeliveryID {
		t.Helper()
		answer, err := user.PushToProvider(ctx, account, digime.STU3, observation())
		if err != nil || answer.Delivered() != delivered {
			t.Fatalf("answer %+v, %v; delivered: want %v", answer, err, delivered)
		}
		return answer.DeliveryID
	}
	certificate, key := s.Simulator.ClientCertificate()
	reload := func(roots []byte) error {
		_, err := s.Server.SetMedMijCredentials(medmij.Credentials{
			Certificate: certificate, Key: key, Roots: roots, ListRoots: s.Simulator.Roots(),
		})
		return err
	}
	push(true)
	for what, roots := range map[string][]byte{
		"nothing": nil, "a certificate that is cut off": s.Simulator.Roots()[:200], "no certificate": []byte("x"),
	} {
		if err := reload(roots); err == nil {
			t.Errorf("%s is taken", what)
		}
		push(true)
	}
	if err := reload(providertest.NewCA(t, "Another authority").PEM); err != nil {
		t.Fatal(err)
	}
	waiting := push(false)
	if err := reload(s.Simulator.Roots()); err != nil {
		t.Fatal(err)
	}
	if d, err := user.WaitForDelivery(ctx, waiting); err != nil || d.State != digime.DeliveryDelivered {
		t.Errorf("%+v, %v", d, err)
	}
	push(true)
}

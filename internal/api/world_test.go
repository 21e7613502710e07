package api_test

import (
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// callback is where the contracts' people come back to.
const callback = "https://clinic.example.org/back"

// world is a server with two applications and a client that counts its connections.
type world struct {
	*carreltest.World
	address string // host and port
	client  *client

	// Three contracts of the application clinic, and two of monitor.
	write, read, second   *carreltest.Contract
	foreign, foreignWrite *carreltest.Contract
	clinic                *carreltest.Application
}

func newWorld(t testing.TB, options ...carreltest.Option) *world {
	t.Helper()
	return worldOf(t, carreltest.Serve(t, options...))
}

func newProviderWorld(t testing.TB, options ...carreltest.Option) *world {
	t.Helper()
	return worldOf(t, carreltest.ServeWithSimulator(t, options...))
}

func worldOf(t testing.TB, served *carreltest.World) *world {
	t.Helper()
	w := &world{World: served, address: strings.TrimPrefix(served.URL, "http://")}
	w.client = newClient(t, w)
	t.Cleanup(w.client.hangUp)
	application := func(id wire.ApplicationID) *carreltest.Application {
		return w.Application(func(a *library.Application) { a.ID, a.Name = id, "The "+string(id) })
	}
	clinic, monitor := application("clinic"), application("monitor")
	named := func(id wire.ContractID) func(*library.Contract) {
		return func(k *library.Contract) { k.ID, k.RedirectURIs, k.Purpose = id, []string{callback}, "To be tested." }
	}
	w.clinic = clinic
	w.write = clinic.ContractWithKey(0, library.Write, named("writeC"))
	w.read = clinic.ContractWithKey(1, library.Read, named("readC"))
	w.second = clinic.ContractWithKey(2, library.Write, named("secondC"))
	w.foreign = monitor.ContractWithKey(3, library.Read, named("readM"))
	w.foreignWrite = monitor.ContractWithKey(3, library.Write, named("writeM"))
	return w
}

// linde is the provider that most is sent to, as the simulator calls it.
const linde = "huisartslinde"

// sender is a grant with an account at a provider, and the person who gave it.
type sender struct {
	*carreltest.Grant
	account wire.AccountID
	person  *carreltest.Visitor
}

// sender is a new person who lets the clinic send to De Linde.
func (w *world) sender(t testing.TB) *sender {
	t.Helper()
	return w.senderOf(t, w.Visitor(), w.write)
}

// senderOf is a person who lets a contract send to the provider that they choose.
func (w *world) senderOf(t testing.TB, v *carreltest.Visitor, c *carreltest.Contract) *sender {
	t.Helper()
	user, account := v.Connects(c, callback)
	return &sender{c.GrantOf(user.Token()), wire.AccountID(account), v}
}

package delivery_test

import (
	"errors"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// fitsOnly checks that a box opens in its row, and in no row that a change has made of it.
func fitsOnly[Row any](t *testing.T, row Row, check func(Row) error, changes map[string]func(*Row)) {
	t.Helper()
	if err := check(row); err != nil {
		t.Errorf("its own row: %v", err)
	}
	for name, change := range changes {
		changed := row
		change(&changed)
		var tampered *library.TamperedError
		switch err := check(changed); {
		case !errors.As(err, &tampered):
			t.Errorf("another %s: %v", name, err)
		case tampered.Library != "anna" && name != "id":
			t.Errorf("another %s is told to library %s", name, tampered.Library)
		}
	}
}

// TestBoxFitsItsRow: a box opens in the row that it was sealed for, and nowhere else, and not with another provider.
func TestBoxFitsItsRow(t *testing.T) {
	t.Parallel()
	ring := carreltest.Must(seal.ParseKeyring(seal.NewKeyringText()))(t)
	boxes := delivery.NewBoxes(ring)
	source := delivery.Source{ID: 7, Name: "De Linde", Provider: "medmij:linde~53", Push: true, Version: "3.0"}
	now := time.UnixMilli(1_000)

	connection := delivery.Connection{ID: "account", Library: "anna", Application: "clinic", Grant: "grant",
		Source: source}
	connection.Access = ring.Seal("carrel provider access anna clinic 7", []byte(`{"token":"t"}`))
	connection.Access = carreltest.Must(boxes.AdoptAccess(connection, "contract"))(t)
	changes := map[string]func(*delivery.Connection){
		"id":          func(c *delivery.Connection) { c.ID = "another" },
		"library":     func(c *delivery.Connection) { c.Library = "mallory" },
		"application": func(c *delivery.Connection) { c.Application = "evil" },
		"grant":       func(c *delivery.Connection) { c.Grant = "evil" },
		"provider":    func(c *delivery.Connection) { c.Source.Provider = "medmij:evil~53" },
		"version":     func(c *delivery.Connection) { c.Source.Version = "4.0" },
		"push":        func(c *delivery.Connection) { c.Source.Push = false },
		"name":        func(c *delivery.Connection) { c.Source.Name = "Evil" },
	}
	t.Run("access", func(t *testing.T) { fitsOnly(t, connection, boxes.CheckAccess, changes) })
	t.Run("access to revoke", func(t *testing.T) {
		ended, changes := connection, changes
		ended.Grant = ""
		delete(changes, "grant") // it is not stored any more
		fitsOnly(t, ended, boxes.CheckEndedAccess, changes)
	})

	authorization := delivery.Authorization{State: seal.Hash{1}, Request: seal.Hash{2}, Application: "clinic",
		Library: "anna", Login: "login", Source: source, Account: "account", ExpiresAt: now}
	authorization.Secrets = ring.Seal("carrel trip "+authorization.State.String(),
		[]byte(`{"verifier":"v","return":"/"}`))
	authorization.Secrets = carreltest.Must(boxes.AdoptAuthorization(authorization, "contract"))(t)
	t.Run("authorization", func(t *testing.T) {
		fitsOnly(t, authorization, boxes.CheckAuthorization, map[string]func(*delivery.Authorization){
			"id":          func(a *delivery.Authorization) { a.State = seal.Hash{9} },
			"request":     func(a *delivery.Authorization) { a.Request = seal.Hash{9} },
			"library":     func(a *delivery.Authorization) { a.Library = "mallory" },
			"application": func(a *delivery.Authorization) { a.Application = "evil" },
			"login":       func(a *delivery.Authorization) { a.Login = "evil" },
			"account":     func(a *delivery.Authorization) { a.Account = "" },
			"provider":    func(a *delivery.Authorization) { a.Source.Provider = "medmij:evil~53" },
			"expiry":      func(a *delivery.Authorization) { a.ExpiresAt = now.Add(time.Hour) },
		})
	})

	d := delivery.Delivery{ID: "delivery", Library: "anna", Application: "clinic", Contract: "contract", Grant: "grant",
		Account: "account", ExpiresAt: now}
	payload := ring.Seal("carrel delivery delivery", []byte("{\"version\":\"3.0\",\"types\":[\"Observation\"]}\n{}"))
	payload = carreltest.Must(boxes.AdoptPayload(d, source.Provider, payload))(t)
	answer := carreltest.Must(boxes.AdoptAnswer(d, ring.Seal("carrel delivery answer delivery", []byte(`{}`))))(t)
	moved := map[string]func(*delivery.Delivery){
		"id":          func(d *delivery.Delivery) { d.ID = "another" },
		"library":     func(d *delivery.Delivery) { d.Library = "mallory" },
		"application": func(d *delivery.Delivery) { d.Application = "evil" },
		"contract":    func(d *delivery.Delivery) { d.Contract = "evil" },
		"grant":       func(d *delivery.Delivery) { d.Grant = "evil" },
		"account":     func(d *delivery.Delivery) { d.Account = "evil" },
	}
	t.Run("answer", func(t *testing.T) {
		fitsOnly(t, d, func(d delivery.Delivery) error { return boxes.CheckAnswer(d, answer) }, moved)
	})
	moved["expiry"] = func(d *delivery.Delivery) { d.ExpiresAt = now.Add(time.Hour) }
	t.Run("payload", func(t *testing.T) {
		fitsOnly(t, d, func(d delivery.Delivery) error { return boxes.CheckPayload(d, payload) }, moved)
	})
}

// TestMoveAccess: tokens go to the grant of the contract for which the person connected the account, and to no other
// account than one of the same library, application and source.
func TestMoveAccess(t *testing.T) {
	t.Parallel()
	ring := carreltest.Must(seal.ParseKeyring(seal.NewKeyringText()))(t)
	boxes := delivery.NewBoxes(ring)
	account := func(id wire.AccountID, grant library.GrantID, contract wire.ContractID) delivery.Connection {
		c := delivery.Connection{ID: id, Library: "anna", Application: "clinic", Grant: grant,
			Source: delivery.Source{ID: 7, Provider: "medmij:linde~53"}}
		c.Access = ring.Seal("carrel provider access anna clinic 7", []byte(`{"token":"t"}`))
		c.Access = carreltest.Must(boxes.AdoptAccess(c, contract))(t)
		return c
	}
	pending, old := account("pending", "", "contract"), account("old", "grant", "contract")
	granted := pending
	granted.Grant = "grant"
	for name, test := range map[string]struct {
		move delivery.AccessMove
		ok   bool
	}{
		"to its grant":   {delivery.AccessMove{From: pending, To: granted, Contract: "contract"}, true},
		"to the account": {delivery.AccessMove{From: pending, To: old, Contract: "contract"}, true},
		"to an account that another contract has connected again": {delivery.AccessMove{
			From: account("pending", "", "another"), To: old, Contract: "contract", Again: true}, true},
		"to another contract's grant": {delivery.AccessMove{From: pending, To: granted, Contract: "another"}, false},
		"to an account that is said to be of another contract's grant": {delivery.AccessMove{
			From: pending, To: old, Contract: "another", Again: true}, false},
		"to another library": {delivery.AccessMove{
			From: pending, To: delivery.Connection{ID: "x", Library: "mallory", Application: "clinic",
				Source: pending.Source}, Contract: "contract"}, false},
		"to another application": {delivery.AccessMove{
			From: pending, To: delivery.Connection{ID: "x", Library: "anna", Application: "evil",
				Source: pending.Source}, Contract: "contract"}, false},
		"from a row that was changed": {delivery.AccessMove{From: granted, To: old, Contract: "contract"}, false},
	} {
		box, err := boxes.MoveAccess(test.move)
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if to := test.move.To; err == nil {
			to.Access = box
			to.Source = test.move.From.Source
			if err := boxes.CheckAccess(to); err != nil {
				t.Errorf("%s: afterwards: %v", name, err)
			}
		}
	}
}

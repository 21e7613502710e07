package pages

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// accountsPage lists the providers that a person has connected, and what was sent.
type accountsPage struct {
	*view
	// Accounts are on the first page only.
	Accounts   []accountRow
	Deliveries []deliveryRow
	// Older is the address of what was sent before; empty if there is nothing.
	Older string
	// Continued says that this is not the first page.
	Continued bool
	Now       time.Time
}

// accountRow is an account as a person sees it.
type accountRow struct {
	ID                             wire.AccountID
	Name, Initials, Service, State string
	// App is whose account it is; empty if that is no longer known.
	App string
	// Good says that it works; NeedsYou that only the person can help.
	Good, NeedsYou bool
	Since, Last    time.Time
}

// Disconnect is the page that asks whether to disconnect it.
func (a accountRow) Disconnect() string {
	return "/accounts/" + url.PathEscape(string(a.ID)) + "/disconnect"
}

func (s *site) showAccounts(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	t := visitOf(r).texts
	p := &accountsPage{view: s.newDesk(w, r, "accounts", t.text("accounts.h1")), Now: s.config.Now()}
	cursor := readCursor(r.URL.Query().Get("before"))
	p.Continued = cursor != delivery.Cursor{}
	names, err := s.applicationsOf(r, in)
	if err != nil {
		return err
	}
	looked := deliveriesShown + 1 // the one more says that there are older ones
	if !p.Continued {
		looked = deliveriesLooked
	}
	deliveries, err := s.deliveries.ListForPerson(r.Context(), in, cursor, looked)
	if err != nil {
		return err
	}
	if !p.Continued {
		accounts, err := s.accounts.List(r.Context(), in)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			p.Accounts = append(p.Accounts, t.accountRow(a, names, deliveries, p.Now))
		}
	}
	if len(deliveries) > deliveriesShown {
		deliveries = deliveries[:deliveriesShown]
		p.Older = "/accounts?" + url.Values{"before": {cursorText(deliveries[deliveriesShown-1])}}.Encode()
	}
	for _, d := range deliveries {
		p.Deliveries = append(p.Deliveries, s.deliveryRow(t, d, names))
	}
	return s.render(w, http.StatusOK, "accounts", p)
}

func (t *texts) accountRow(a delivery.Connection, names map[wire.ApplicationID]string, recent []delivery.Delivery, now time.Time) accountRow {
	name := quote(a.Source.Name)
	row := accountRow{ID: a.ID, Name: name, Initials: initials(name), Service: quote(a.Source.ServiceName), App: quote(names[a.Application]),
		Since: a.CreatedAt, Last: a.LastUsedAt}
	// Trouble is what keeps something waiting that has been tried.
	trouble := slices.ContainsFunc(recent, func(d delivery.Delivery) bool {
		return d.Account == a.ID && d.State == delivery.Waiting && d.Attempts > 0
	})
	switch {
	case a.NeedsReconnect(now):
		row.State, row.NeedsYou = t.text("accounts.needs_you"), true
	case trouble:
		row.State = t.text("accounts.trouble")
	default:
		row.State, row.Good = t.text("accounts.connected"), true
	}
	return row
}

// accountsOf are a person's accounts for an application.
func (s *site) accountsOf(r *http.Request, in *library.SignedIn, id wire.ApplicationID) ([]delivery.Connection, error) {
	accounts, err := s.accounts.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(accounts, func(a delivery.Connection) bool { return a.Application != id }), nil
}

// applicationsOf are the names of the applications that a person has ever allowed.
func (s *site) applicationsOf(r *http.Request, in *library.SignedIn) (map[wire.ApplicationID]string, error) {
	grants, err := s.consents.ListGrants(r.Context(), in)
	if err != nil {
		return nil, err
	}
	names := make(map[wire.ApplicationID]string, len(grants))
	for _, g := range grants {
		names[g.Grant.Application] = g.Client.Application.Name
	}
	return names, nil
}

// disconnectPage asks whether to disconnect an account, and says what that does not do.
type disconnectPage struct{ *view }

func (s *site) showDisconnect(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	account, err := s.accounts.Get(r.Context(), in, wire.AccountID(r.PathValue("account")))
	if err != nil {
		return err
	}
	title := visitOf(r).texts.text("accounts.disconnect_h1", "provider", quote(account.Source.Name))
	return s.render(w, http.StatusOK, "disconnect", &disconnectPage{s.newDesk(w, r, "accounts", title)})
}

func (s *site) takeDisconnect(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	account, err := s.accounts.Get(r.Context(), in, wire.AccountID(r.PathValue("account")))
	if err != nil {
		return err
	}
	if err := s.accounts.Disconnect(r.Context(), in, account.ID); err != nil {
		return err
	}
	s.leaveNotice(w, "accounts.done", account.Source.Name)
	return seeOther(w, r, "/accounts")
}

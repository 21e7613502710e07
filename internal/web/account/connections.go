package account

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Connections are the pages of the accounts that a person has connected at providers, and of what was sent there.
type Connections struct {
	ui          *ui.UI
	consents    *library.Consents
	connections *delivery.Connections
	deliveries  *delivery.Queue
	fetches     *fetch.Fetcher
}

// connectionsPage is the data of the list.
type connectionsPage struct {
	*ui.Page
	// Connections are on the first page only.
	Connections []connectionRow
	Deliveries  []deliveryRow
	// OlderURL is where older deliveries are; empty if there are none.
	OlderURL string
	// IsContinued reports that this is not the first page.
	IsContinued bool
	Now         time.Time
}

// connectionRow is a connected account as a person sees it.
type connectionRow struct {
	ID                    wire.AccountID
	Name, Initials, State string
	// IsSample reports that its data is invented.
	IsSample bool
	// App is the application that the account was connected for; empty if that is no longer known.
	App string
	// Works reports that it works; NeedsReconnect that the person has to connect it again.
	Works, NeedsReconnect bool
	// Idle says why nothing is sent or collected now; empty if the grant of the account counts.
	Idle string
	// CanFetch reports that the person can have the library collect from it now; CanReconnect that they can connect it
	// again here.
	CanFetch, CanReconnect bool
	Since, LastUsed        time.Time
	// ShowsTime reports that the person has connected another account at the same source on the same day.
	ShowsTime bool
}

// FetchURL takes the form that collects from the account now.
func (c connectionRow) FetchURL() string {
	return "/accounts/" + url.PathEscape(string(c.ID)) + "/fetch"
}

// ReconnectURL takes the form that connects the account again.
func (c connectionRow) ReconnectURL() string {
	return "/accounts/" + url.PathEscape(string(c.ID)) + "/reconnect"
}

// DisconnectURL is the page that asks whether to disconnect the account.
func (c connectionRow) DisconnectURL() string {
	return "/accounts/" + url.PathEscape(string(c.ID)) + "/disconnect"
}

// List lists the connected accounts, and the deliveries page by page.
func (h *Connections) List(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	t := ui.BrowserOf(r).Texts
	page := &connectionsPage{Page: newAccountPage(h.ui, w, r, menuConnections, t.Text("accounts.h1")), Now: h.ui.Now()}
	cursor := parseCursor(r.URL.Query().Get("before"))
	page.IsContinued = cursor != delivery.Cursor{}
	grants, err := h.consents.ListGrants(r.Context(), in)
	if err != nil {
		return err
	}
	names := namesOfGrants(grants)
	limit := deliveriesPerPage + 1 // one more, to see whether there are older ones
	if !page.IsContinued {
		limit = deliveriesExamined
	}
	deliveries, err := h.deliveries.ListForPerson(r.Context(), in, cursor, limit)
	if err != nil {
		return err
	}
	if !page.IsContinued {
		connections, err := h.connections.List(r.Context(), in)
		if err != nil {
			return err
		}
		fetches, err := h.fetches.ListForPerson(r.Context(), in)
		if err != nil {
			return err
		}
		for _, c := range connections {
			c.Source.Name = h.sourceName(r, c)
			row := newConnectionRow(t, c, names, deliveries, page.Now)
			if row.Idle = h.whyIdle(t, c, grants); row.Idle != "" {
				row.State, row.Works, row.NeedsReconnect = t.Text("accounts.idle"), false, false
			} else if c.Source.IsPull() {
				row.addFetch(t, fetches[c.ID])
			}
			page.Connections = append(page.Connections, row)
		}
		h.distinguish(t, page.Connections)
	}
	if len(deliveries) > deliveriesPerPage {
		deliveries = deliveries[:deliveriesPerPage]
		page.OlderURL = "/accounts?" + url.Values{"before": {formatCursor(deliveries[deliveriesPerPage-1])}}.Encode()
	}
	f := h.ui.Formatter(t)
	for _, d := range deliveries {
		d.ProviderName = h.ui.SourceName(t, 0, d.ProviderName)
		page.Deliveries = append(page.Deliveries, newDeliveryRow(t, f, d, names))
	}
	return h.ui.Render(w, http.StatusOK, "connections", page)
}

func newConnectionRow(
	t *ui.Texts,
	connection delivery.Connection,
	names map[wire.ApplicationID]string,
	recent []delivery.Delivery,
	now time.Time,
) connectionRow {
	name := connection.Source.Name
	row := connectionRow{
		ID: connection.ID, Name: name, Initials: ui.Initials(name), App: ui.CleanText(names[connection.Application]),
		Since: connection.CreatedAt, LastUsed: connection.LastUsedAt, IsSample: connection.Source.SampleSet != "",
	}
	isRetrying := slices.ContainsFunc(recent, func(d delivery.Delivery) bool {
		return d.Account == connection.ID && d.State == delivery.Waiting && d.Attempts > 0
	})
	switch {
	case connection.NeedsReconnect(now):
		row.State, row.NeedsReconnect = t.Text("accounts.needs_you"), true
	case isRetrying:
		row.State = t.Text("accounts.trouble")
	default:
		row.State, row.Works = t.Text("accounts.connected"), true
	}
	return row
}

// distinguish adds the time of day to accounts that have the same name and day.
func (h *Connections) distinguish(t *ui.Texts, rows []connectionRow) {
	f := h.ui.Formatter(t)
	for i := range rows {
		rows[i].ShowsTime = slices.ContainsFunc(rows, func(other connectionRow) bool {
			return other.ID != rows[i].ID && other.Name == rows[i].Name && f.Date(other.Since) == f.Date(rows[i].Since)
		})
	}
}

// sourceName is the name of an account's source in the language of the page.
func (h *Connections) sourceName(r *http.Request, c delivery.Connection) string {
	return h.ui.SourceName(ui.BrowserOf(r).Texts, c.Source.ID, c.Source.Name)
}

// addFetch says how far the newest fetch from the account is; the zero fetch if there was none.
func (c *connectionRow) addFetch(t *ui.Texts, newest fetch.Fetch) {
	if c.NeedsReconnect {
		c.CanReconnect = true
		return
	}
	switch newest.State {
	case fetch.Pending, fetch.Running:
		c.State = t.Text("accounts.fetching")
		return
	case fetch.Partial:
		c.State, c.Works = t.Text("accounts.fetch_partial"), false
	}
	c.CanFetch = true
}

// idleTexts say why nothing is sent to an account or collected from it, by the standing of its grant.
var idleTexts = map[library.Standing]string{
	library.GrantRevoked: "accounts.idle_ended", library.GrantExpired: "accounts.idle_ended",
	library.GrantOutdated: "accounts.idle_outdated", library.ClientDisabled: "accounts.idle_disabled",
	library.ContractExpired: "accounts.idle_over",
}

// whyIdle says why nothing is sent to an account or collected from it; empty if its grant counts.
func (h *Connections) whyIdle(t *ui.Texts, c delivery.Connection, grants []library.GrantWithClient) string {
	i := slices.IndexFunc(grants, func(g library.GrantWithClient) bool { return g.Grant.ID == c.Grant })
	if i < 0 {
		return ""
	}
	why, isIdle := idleTexts[grants[i].Standing(h.ui.Now())]
	if !isIdle {
		return ""
	}
	what := "accounts.idle_push"
	if c.Source.IsPull() {
		what = "accounts.idle_pull"
	}
	return t.Text(what) + " " +
		t.Text(why, "app", ui.CleanText(grants[i].Client.Application.Name), "operator", h.ui.Operator)
}

// PostFetch collects from an account now.
func (h *Connections) PostFetch(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	connection, err := h.connections.Get(r.Context(), in, wire.AccountID(r.PathValue("account")))
	if errors.Is(err, library.ErrNotFound) { // disconnected meanwhile
		return h.showGone(w, r)
	}
	if err == nil && connection.NeedsReconnect(h.ui.Now()) {
		return ui.SeeOther(w, r, "/accounts") // which says so
	}
	if err == nil {
		err = h.fetches.RequestForPerson(r.Context(), in, connection.ID)
	}
	if errors.Is(err, library.ErrNotFound) { // its grant has ended meanwhile, or does not count any more
		h.ui.SetFlash(w, "accounts.not_fetched", h.sourceName(r, connection))
		return ui.SeeOther(w, r, "/accounts")
	}
	if err != nil {
		return err
	}
	h.ui.SetFlash(w, "accounts.fetch_started", h.sourceName(r, connection))
	return ui.SeeOther(w, r, "/accounts")
}

// PostReconnect connects an account with sample data again, and collects from it.
func (h *Connections) PostReconnect(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	err := h.connections.Reconnect(r.Context(), in, wire.AccountID(r.PathValue("account")))
	if errors.Is(err, library.ErrNotFound) { // disconnected meanwhile
		return h.showGone(w, r)
	}
	if err != nil {
		return err
	}
	return h.PostFetch(w, r, in)
}

// namesOfGrants are the names of the applications that the person has ever allowed.
func namesOfGrants(grants []library.GrantWithClient) map[wire.ApplicationID]string {
	names := make(map[wire.ApplicationID]string, len(grants))
	for _, g := range grants {
		names[g.Grant.Application] = g.Client.Application.Name
	}
	return names
}

// disconnectPage asks whether to disconnect an account, and says what that does not do.
type disconnectPage struct {
	*ui.Page
	// App is the application that the account was connected for; empty if that is no longer known.
	App   string
	Since time.Time
	// Reads says that the application can go on reading what was collected; empty if it cannot.
	Reads string
}

// ShowDisconnect asks whether to disconnect an account.
func (h *Connections) ShowDisconnect(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	connection, err := h.connections.Get(r.Context(), in, wire.AccountID(r.PathValue("account")))
	if errors.Is(err, library.ErrNotFound) { // gone back to, or loaded again
		return h.showGone(w, r)
	}
	if err != nil {
		return err
	}
	provider := h.sourceName(r, connection)
	grants, err := h.consents.ListGrants(r.Context(), in)
	if err != nil {
		return err
	}
	t := ui.BrowserOf(r).Texts
	title := t.Text("accounts.disconnect_h1", "provider", provider)
	page := &disconnectPage{Page: newAccountPage(h.ui, w, r, menuConnections, title), Since: connection.CreatedAt,
		App: ui.CleanText(namesOfGrants(grants)[connection.Application])}
	if connection.StaysReadable(grants, h.ui.Now()) {
		page.Reads = t.Text("accounts.disconnect_read", "app", page.App)
	}
	return h.ui.Render(w, http.StatusOK, "disconnect", page)
}

// PostDisconnect disconnects an account.
func (h *Connections) PostDisconnect(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	connection, err := h.connections.Get(r.Context(), in, wire.AccountID(r.PathValue("account")))
	if err == nil {
		err = h.connections.Disconnect(r.Context(), in, connection.ID)
	}
	if errors.Is(err, library.ErrNotFound) { // the button was pressed twice
		return h.showGone(w, r)
	}
	if err != nil {
		return err
	}
	h.ui.SetFlash(w, "accounts.done", h.sourceName(r, connection))
	return ui.SeeOther(w, r, "/accounts")
}

// showGone goes to the list, and says that the account is not connected: it is not the person's, or not any more.
func (h *Connections) showGone(w http.ResponseWriter, r *http.Request) error {
	h.ui.SetFlash(w, "accounts.gone", "")
	return ui.SeeOther(w, r, "/accounts")
}

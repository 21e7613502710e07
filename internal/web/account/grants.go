package account

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Grants are the pages of the applications with access.
type Grants struct {
	ui          *ui.UI
	consents    *library.Consents
	connections *delivery.Connections
}

// grantsPage is the data of the list.
type grantsPage struct {
	*ui.Page
	Grants []grantRow
	Now    time.Time
}

// grantRow is a grant as a person sees it.
type grantRow struct {
	ID                              library.GrantID
	App, Initials, State            string
	May                             []string
	IsActive                        bool
	Since, Until, EndedAt, LastUsed time.Time
}

// RevokeURL is the page that asks whether to revoke the grant.
func (g grantRow) RevokeURL() string { return "/grants/" + url.PathEscape(string(g.ID)) + "/stop" }

// soon is how long before its end a grant is said to end soon.
const soon = 14 * 24 * time.Hour

// List lists the grants, those that have ended last.
func (h *Grants) List(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	t := ui.BrowserOf(r).Texts
	grants, err := h.consents.ListGrants(r.Context(), in)
	if err != nil {
		return err
	}
	connections, err := h.connections.List(r.Context(), in)
	if err != nil {
		return err
	}
	page := &grantsPage{Page: newAccountPage(h.ui, w, r, menuGrants, t.Text("grants.h1")), Now: h.ui.Now()}
	for _, g := range grants {
		page.Grants = append(page.Grants, newGrantRow(t, g, connections, page.Now))
	}
	slices.SortStableFunc(page.Grants, func(a, b grantRow) int {
		switch {
		case a.IsActive && !b.IsActive:
			return -1
		case b.IsActive && !a.IsActive:
			return 1
		}
		return 0
	})
	return h.ui.Render(w, http.StatusOK, "grants", page)
}

func newGrantRow(t *ui.Texts, g library.GrantWithClient, connections []delivery.Connection, now time.Time) grantRow {
	grant := g.Grant
	app, contract := ui.CleanText(g.Client.Application.Name), g.Client.Contract
	row := grantRow{
		ID: grant.ID, App: app, Initials: ui.Initials(app), May: []string{t.PermissionSummary(contract)},
		Since: grant.CreatedAt, Until: grant.ExpiresAt, LastUsed: grant.LastUsedAt,
	}
	switch {
	case !grant.RevokedAt.IsZero():
		row.State, row.EndedAt = t.Text("grants.stopped"), grant.RevokedAt
	case !grant.Active(now):
		row.State, row.EndedAt = t.Text("grants.ended"), grant.ExpiresAt
	case now.Add(soon).After(grant.ExpiresAt):
		row.State, row.IsActive = t.Text("grants.soon"), true
	default:
		row.State, row.IsActive = t.Text("grants.active"), true
	}
	for _, c := range connections {
		if row.IsActive && c.Grant == grant.ID {
			row.May = append(row.May, t.Text("grants.push", "provider", ui.CleanText(c.Source.Name)))
		}
	}
	return row
}

// revokeGrantPage asks whether to revoke a grant, and says what that does not do.
type revokeGrantPage struct {
	*ui.Page
	App   string
	Error string
}

func (h *Grants) newRevokePage(w http.ResponseWriter, r *http.Request, g library.GrantWithClient) *revokeGrantPage {
	app := ui.CleanText(g.Client.Application.Name)
	title := ui.BrowserOf(r).Texts.Text("revoke.h1", "app", app)
	return &revokeGrantPage{Page: newAccountPage(h.ui, w, r, menuGrants, title), App: app}
}

// ShowRevoke asks whether to revoke a grant.
func (h *Grants) ShowRevoke(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	g, err := h.activeGrant(r, in)
	if err != nil {
		return err
	}
	return h.ui.Render(w, http.StatusOK, "revoke-grant", h.newRevokePage(w, r, g))
}

// PostRevoke revokes a grant.
func (h *Grants) PostRevoke(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	g, err := h.activeGrant(r, in)
	if err != nil {
		return err
	}
	if err := h.consents.Revoke(r.Context(), in, g.Grant.ID); err != nil {
		h.ui.Log.ErrorContext(r.Context(), "grant not revoked", "grant", g.Grant.ID, "error", err)
		page := h.newRevokePage(w, r, g)
		page.Error, page.IsError = page.Texts.Text("revoke.error", "app", page.App), true
		return h.ui.Render(w, http.StatusInternalServerError, "revoke-grant", page)
	}
	h.ui.SetFlash(w, "revoke.done", g.Client.Application.Name)
	return ui.SeeOther(w, r, "/grants")
}

// activeGrant is the grant that the address names, if it is the person's and has not ended.
func (h *Grants) activeGrant(r *http.Request, in *library.SignedIn) (library.GrantWithClient, error) {
	grants, err := h.consents.ListGrants(r.Context(), in)
	if err != nil {
		return library.GrantWithClient{}, err
	}
	for _, g := range grants {
		if string(g.Grant.ID) == r.PathValue("grant") && g.Grant.Active(h.ui.Now()) {
			return g, nil
		}
	}
	return library.GrantWithClient{}, fmt.Errorf("active grant: %w", library.ErrNotFound)
}

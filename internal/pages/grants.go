package pages

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// grantsPage lists the applications that may use the library, and those that might.
type grantsPage struct {
	*view
	Grants []grantRow
	Now    time.Time
}

// grantRow is a grant as a person sees it.
type grantRow struct {
	ID                              library.GrantID
	App, Initials, State            string
	May                             []string
	Active                          bool
	Since, Until, EndedAt, LastUsed time.Time
}

// Stop is the page that asks whether to stop it.
func (g grantRow) Stop() string { return "/grants/" + url.PathEscape(string(g.ID)) + "/stop" }

// soon is how long before its end a grant is said to end.
const soon = 14 * 24 * time.Hour

func (s *site) showGrants(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	t := visitOf(r).texts
	grants, err := s.consents.ListGrants(r.Context(), in)
	if err != nil {
		return err
	}
	accounts, err := s.accounts.List(r.Context(), in)
	if err != nil {
		return err
	}
	p := &grantsPage{view: s.newDesk(w, r, "grants", t.text("grants.h1")), Now: s.config.Now()}
	for _, g := range grants {
		p.Grants = append(p.Grants, t.grantRow(g, accounts, p.Now))
	}
	slices.SortStableFunc(p.Grants, func(a, b grantRow) int { return cmp.Compare(rank(a), rank(b)) })
	return s.render(w, http.StatusOK, "grants", p)
}

// rank puts what has ended below.
func rank(g grantRow) int {
	if g.Active {
		return 0
	}
	return 1
}

func (t *texts) grantRow(g library.GrantWithClient, accounts []delivery.Connection, now time.Time) grantRow {
	app := quote(g.Client.Application.Name)
	row := grantRow{ID: g.Grant.ID, App: app, Initials: initials(app), May: []string{t.inShort(g.Client.Contract)},
		Since: g.Grant.CreatedAt, Until: g.Grant.ExpiresAt, LastUsed: g.Grant.LastUsedAt}
	switch {
	case !g.Grant.RevokedAt.IsZero():
		row.State, row.EndedAt = t.text("grants.stopped"), g.Grant.RevokedAt
	case !g.Grant.Active(now):
		row.State, row.EndedAt = t.text("grants.ended"), g.Grant.ExpiresAt
	case now.Add(soon).After(g.Grant.ExpiresAt):
		row.State, row.Active = t.text("grants.soon"), true
	default:
		row.State, row.Active = t.text("grants.active"), true
	}
	for _, a := range accounts {
		if row.Active && g.Client.Contract.Access == library.Write && a.Application == g.Grant.Application {
			row.May = append(row.May, t.text("grants.push", "provider", quote(a.Source.Name)))
		}
	}
	return row
}

// stopPage asks whether to stop an application, and says what that does not do.
type stopPage struct {
	*view
	App   string
	Fault string
}

func (s *site) newStop(w http.ResponseWriter, r *http.Request, g library.GrantWithClient) *stopPage {
	app := quote(g.Client.Application.Name)
	return &stopPage{view: s.newDesk(w, r, "grants", visitOf(r).texts.text("revoke.h1", "app", app)), App: app}
}

func (s *site) showStop(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	g, err := s.activeGrant(r, in)
	if err != nil {
		return err
	}
	return s.render(w, http.StatusOK, "stop", s.newStop(w, r, g))
}

func (s *site) takeStop(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	g, err := s.activeGrant(r, in)
	if err != nil {
		return err
	}
	if err := s.consents.Revoke(r.Context(), in, g.Grant.ID); err != nil {
		s.config.Log.ErrorContext(r.Context(), "grant not revoked", "grant", g.Grant.ID, "error", err)
		p := s.newStop(w, r, g)
		p.Fault, p.Failed = p.texts.text("revoke.error", "app", p.App), true
		return s.render(w, http.StatusInternalServerError, "stop", p)
	}
	s.leaveNotice(w, "revoke.done", g.Client.Application.Name)
	return seeOther(w, r, "/grants")
}

// activeGrant is the grant that the address names, if it is the person's and can
// still be stopped.
func (s *site) activeGrant(r *http.Request, in *library.SignedIn) (library.GrantWithClient, error) {
	grants, err := s.consents.ListGrants(r.Context(), in)
	if err != nil {
		return library.GrantWithClient{}, err
	}
	for _, g := range grants {
		if string(g.Grant.ID) == r.PathValue("grant") && g.Grant.Active(s.config.Now()) {
			return g, nil
		}
	}
	return library.GrantWithClient{}, fmt.Errorf("active grant: %w", library.ErrNotFound)
}

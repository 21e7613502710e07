package account

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Grants are the pages of the applications with access: a card for each application, with what it may do.
type Grants struct {
	ui          *ui.UI
	consents    *library.Consents
	connections *delivery.Connections
	storages    *storage.Storages
}

// grantsPage is the data of the list.
type grantsPage struct {
	*ui.Page
	// Active are the applications with access, Paused those whose permissions do not count now, and Ended those that
	// had access.
	Active, Paused, Ended []appCard
}

// appCard is an application as a person sees it.
type appCard struct {
	ID                   wire.ApplicationID
	App, Initials, State string
	IsActive, IsPaused   bool
	// Permissions are its grants: those that count, then those that do not count now, then those that have ended.
	Permissions []grantRow
	// Storage is what the application keeps here; nil if it has no storage.
	Storage *storageRow
	Now     time.Time

	application library.Application
}

// StopURL is the page that asks whether to stop everything.
func (c appCard) StopURL() string { return "/grants/app/" + url.PathEscape(string(c.ID)) + "/stop" }

// CanStop reports whether there is anything to stop.
func (c appCard) CanStop() bool { return c.IsActive || c.IsPaused }

// may lists what the application may do now, by grants other than one.
func (c appCard) may(except library.GrantID) (lines []string) {
	for _, row := range c.Permissions {
		if row.IsActive && row.ID != except {
			lines = append(lines, without(row.May, lines)...)
		}
	}
	return lines
}

// stoppable lists what the person has allowed and can stop, also by grants that do not count now.
func (c appCard) stoppable() (lines []string) {
	for _, row := range c.Permissions {
		if row.CanStop() {
			lines = append(lines, without(row.May, lines)...)
		}
	}
	return lines
}

// without are the lines that are not among others.
func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

// grantRow is a grant as a person sees it: a permission of the application.
type grantRow struct {
	ID    library.GrantID
	State string
	// Purpose is in the application's own words. It tells permissions apart that allow the same.
	Purpose string
	May     []string
	// Overlap is what other permissions of the application allow too.
	Overlap   []string
	Providers []string // that it sends to
	// IsActive reports that the grant counts, IsPaused that it does not count now, which Note explains, and IsStopped
	// that the person has revoked it.
	IsActive, IsPaused, IsStopped   bool
	Note                            string
	Collects                        bool // that it reads what is collected from sources
	Since, Until, EndedAt, LastUsed time.Time
}

// CanStop reports whether the person can revoke the grant.
func (g grantRow) CanStop() bool { return g.IsActive || g.IsPaused }

// rank orders grants and applications: see [appCard].
func rank(isActive, isPaused bool) int {
	switch {
	case isActive:
		return 0
	case isPaused:
		return 1
	}
	return 2
}

// OverlapText is Overlap in one line.
func (g grantRow) OverlapText() string { return strings.Join(g.Overlap, "; ") }

// Summary says in one line what the permission is.
func (g grantRow) Summary() string { return strings.Join(g.May, ", ") }

// RevokeURL is the page that asks whether to revoke the grant.
func (g grantRow) RevokeURL() string { return "/grants/" + url.PathEscape(string(g.ID)) + "/stop" }

// soon is how long before its end a grant is said to end soon.
const soon = 14 * 24 * time.Hour

// flashStopped names the notice after a grant was revoked. It is no key of a text: the page makes one. Its value is the
// grant and what it allowed.
const flashStopped = "permission-stopped"

// List lists the applications, those without access last.
func (h *Grants) List(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	t := ui.BrowserOf(r).Texts
	cards, err := h.cards(r, in)
	if err != nil {
		return err
	}
	stopped, isStopped := h.ui.TakeFlashValue(w, r, flashStopped)
	page := &grantsPage{Page: newAccountPage(h.ui, w, r, menuGrants, t.Text("grants.h1"))}
	for _, card := range cards {
		switch {
		case card.IsActive:
			page.Active = append(page.Active, card)
		case card.IsPaused:
			page.Paused = append(page.Paused, card)
		default:
			page.Ended = append(page.Ended, card)
		}
	}
	if len(page.Active) == 0 {
		page.Title = t.Text("common.apps")
	}
	if isStopped {
		page.Flash = stoppedNotice(t, cards, stopped)
	}
	return h.ui.Render(w, http.StatusOK, "grants", page)
}

// cards are the applications that the person has ever allowed something, those with access first.
func (h *Grants) cards(r *http.Request, in *library.SignedIn) ([]appCard, error) {
	t := ui.BrowserOf(r).Texts
	grants, err := h.consents.ListGrants(r.Context(), in)
	if err != nil {
		return nil, err
	}
	connections, err := h.connections.List(r.Context(), in)
	if err != nil {
		return nil, err
	}
	storages, err := h.storageRows(r, in)
	if err != nil {
		return nil, err
	}
	var cards []appCard
	for _, g := range grants {
		i := slices.IndexFunc(cards, func(c appCard) bool { return c.ID == g.Grant.Application })
		if i < 0 {
			app := ui.CleanText(g.Client.Application.Name)
			i = len(cards)
			cards = append(cards, appCard{ID: g.Grant.Application, App: app, Initials: ui.Initials(app),
				Storage: storages[g.Grant.Application], Now: h.ui.Now(), application: g.Client.Application})
		}
		row := h.newGrantRow(t, g, connections)
		cards[i].Permissions = append(cards[i].Permissions, row)
	}
	for i := range cards {
		card := &cards[i]
		slices.SortStableFunc(card.Permissions, func(a, b grantRow) int {
			return rank(a.IsActive, a.IsPaused) - rank(b.IsActive, b.IsPaused)
		})
		// The state of the first: an active one, if there is any.
		first := card.Permissions[0]
		card.State, card.IsActive, card.IsPaused = first.State, first.IsActive, first.IsPaused
		if slices.ContainsFunc(card.Permissions, func(g grantRow) bool { return g.IsActive && g.State != card.State }) {
			card.State = t.Text("grants.active")
		}
		for j, row := range card.Permissions {
			if row.IsActive {
				others := card.may(row.ID)
				card.Permissions[j].Overlap = without(row.May, without(row.May, others))
			}
		}
	}
	slices.SortStableFunc(cards, func(a, b appCard) int {
		return rank(a.IsActive, a.IsPaused) - rank(b.IsActive, b.IsPaused)
	})
	return cards, nil
}

// pauseTexts are the state and the note of a grant that does not count now.
var pauseTexts = map[library.Standing]struct{ state, note string }{
	library.GrantOutdated:   {"grants.outdated", "grants.outdated_note"},
	library.ClientDisabled:  {"grants.disabled", "grants.disabled_note"},
	library.ContractExpired: {"grants.over", "grants.over_note"},
}

func (h *Grants) newGrantRow(t *ui.Texts, g library.GrantWithClient, connections []delivery.Connection) grantRow {
	grant, now := g.Grant, h.ui.Now()
	row := grantRow{
		ID: grant.ID, Since: grant.CreatedAt, Until: grant.ExpiresAt, LastUsed: grant.LastUsedAt,
	}
	standing := g.Standing(now)
	if standing != library.GrantOutdated { // the application's words are of what it asks for now
		row.Purpose = ui.CleanText(g.Client.Contract.Purpose)
	}
	pause, isPaused := pauseTexts[standing]
	switch {
	case standing == library.GrantRevoked:
		row.State, row.EndedAt, row.IsStopped = t.Text("grants.stopped"), grant.RevokedAt, true
	case standing == library.GrantExpired:
		row.State, row.EndedAt = t.Text("grants.ended"), grant.ExpiresAt
	case isPaused:
		row.State, row.IsPaused = t.Text(pause.state), true
		row.Note = t.Text(pause.note, "app", ui.CleanText(g.Client.Application.Name), "operator", h.ui.Operator)
	case now.Add(soon).After(grant.ExpiresAt):
		row.State, row.IsActive = t.Text("grants.soon"), true
	default:
		row.State, row.IsActive = t.Text("grants.active"), true
	}
	var names []string
	for _, c := range connections {
		if row.CanStop() && c.Grant == grant.ID {
			names = append(names, h.ui.SourceName(t, c.Source.ID, c.Source.Name))
			if !c.Source.IsPull() {
				row.Providers = append(row.Providers, c.Source.Name)
			}
		}
	}
	row.May = h.ui.Permissions(t).OfGrant(g, names)
	row.Collects = ui.Collects(g)
	return row
}

// stoppedNotice says what has ended with a grant, and what goes on.
func stoppedNotice(t *ui.Texts, cards []appCard, value string) string {
	parts := strings.Split(value, "\x00") // the grant, and what it allowed
	for _, card := range cards {
		for _, g := range card.Permissions {
			if string(g.ID) != parts[0] {
				continue
			}
			left := card.may(g.ID)
			ended := without(cleanTexts(parts[1:]), left)
			switch {
			case len(left) == 0:
				return t.Text("revoke.done", "app", card.App)
			case len(ended) == 0 && len(parts) > 1:
				return t.Text("revoke.done_same", "app", card.App, "left", strings.Join(left, "; "))
			case len(ended) == 0:
				return t.Text("revoke.done_one", "app", card.App, "left", strings.Join(left, "; "))
			}
			return t.Text("revoke.done_some", "app", card.App,
				"ended", strings.Join(ended, "; "), "left", strings.Join(left, "; "))
		}
	}
	return ""
}

func cleanTexts(texts []string) (clean []string) {
	for _, s := range texts {
		clean = append(clean, ui.CleanText(s))
	}
	return clean
}

// maxFlashValue bounds a notice's value, which is kept in a cookie.
const maxFlashValue = 1500

// revokeGrantPage asks whether to revoke a grant, or all of an application, and says what that does not do.
type revokeGrantPage struct {
	*ui.Page
	App, Text string
	// Ends lists what would end, and Left what the application could still do.
	Ends, Left []string
	// Note says what stays, besides files, and Collected what becomes of files that were collected; empty if nothing
	// does, or none were.
	Note, Collected string
	// Confirm is the text of the button that confirms, and ConfirmID its data-testid.
	Confirm, ConfirmID string
	Error              string
}

// newRevokePage asks about a grant, or about everything if the grant is empty.
func (h *Grants) newRevokePage(
	w http.ResponseWriter, r *http.Request, card appCard, grant library.GrantID,
) *revokeGrantPage {
	t := ui.BrowserOf(r).Texts
	page := &revokeGrantPage{App: card.App, Text: t.Text("revoke.text", "app", card.App),
		Confirm: t.Text("revoke.confirm"), ConfirmID: "revoke-confirm", Ends: card.stoppable()}
	title := t.Text("revoke.h1", "app", card.App)
	i := slices.IndexFunc(card.Permissions, func(g grantRow) bool { return g.ID == grant })
	switch {
	case grant == "":
		title = t.Text("revoke.all_h1", "app", card.App)
		page.Confirm, page.ConfirmID = t.Text("revoke.all_confirm"), "stop-all-confirm"
		if card.Storage != nil {
			page.Note = t.Text("storage.stays", "app", card.App)
		}
		if !card.IsActive {
			page.Text = t.Text("revoke.paused_text", "app", card.App)
		}
	case card.Permissions[i].IsPaused:
		title, page.Text = t.Text("revoke.one_h1", "app", card.App), t.Text("revoke.paused_text", "app", card.App)
		page.Left = card.may(grant)
		page.Ends = without(card.Permissions[i].May, page.Left)
	default:
		page.Ends = card.Permissions[i].May
		if page.Left = card.may(grant); len(page.Left) == 0 {
			break
		}
		title, page.Text = t.Text("revoke.one_h1", "app", card.App), t.Text("revoke.one_text", "app", card.App)
		if page.Ends = without(page.Ends, page.Left); len(page.Ends) == 0 {
			page.Text = t.Text("revoke.same_text", "app", card.App)
		}
	}
	if slices.ContainsFunc(card.Permissions, func(g grantRow) bool {
		return g.Collects && g.CanStop() && (grant == "" || g.ID == grant)
	}) {
		page.Collected = t.Text("revoke.collected", "app", card.App)
	}
	page.Page = newAccountPage(h.ui, w, r, menuGrants, title)
	return page
}

// ShowRevoke asks whether to revoke a grant.
func (h *Grants) ShowRevoke(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	card, grant, err := h.findGrant(r, in)
	switch {
	case err != nil:
		return err
	case !grant.CanStop(): // gone back to, or loaded again
		return ui.SeeOther(w, r, "/grants")
	}
	return h.ui.Render(w, http.StatusOK, "revoke-grant", h.newRevokePage(w, r, card, grant.ID))
}

// PostRevoke revokes a grant, also one that is said to have ended: the button was pressed twice, or somebody has
// changed the row, to change it back later.
func (h *Grants) PostRevoke(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	card, grant, err := h.findGrant(r, in)
	if err != nil {
		return err
	}
	if err := h.consents.Revoke(r.Context(), in, grant.ID, grant.Providers...); err != nil {
		return h.notRevoked(w, r, h.newRevokePage(w, r, card, grant.ID), err)
	}
	value := strings.Join(append([]string{string(grant.ID)}, grant.May...), "\x00")
	if len(value) > maxFlashValue {
		value = string(grant.ID)
	}
	h.ui.SetFlash(w, flashStopped, value)
	return ui.SeeOther(w, r, "/grants")
}

// ShowStop asks whether to stop everything of an application.
func (h *Grants) ShowStop(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	card, err := h.findApp(r, in)
	switch {
	case err != nil:
		return err
	case !card.CanStop():
		return ui.SeeOther(w, r, "/grants")
	}
	return h.ui.Render(w, http.StatusOK, "revoke-grant", h.newRevokePage(w, r, card, ""))
}

// PostStop stops everything of an application.
func (h *Grants) PostStop(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	card, err := h.findApp(r, in)
	if err != nil {
		return err
	}
	if err := h.consents.RevokeApplication(r.Context(), in, card.application); err != nil {
		return h.notRevoked(w, r, h.newRevokePage(w, r, card, ""), err)
	}
	h.ui.SetFlash(w, "revoke.done", card.application.Name)
	return ui.SeeOther(w, r, "/grants")
}

// notRevoked says that nothing has ended, if that is certain.
func (h *Grants) notRevoked(w http.ResponseWriter, r *http.Request, page *revokeGrantPage, cause error) error {
	if errors.Is(cause, library.ErrOutcomeUnknown) {
		return cause
	}
	h.ui.Log.ErrorContext(r.Context(), "grant not revoked", "error", cause)
	key := "revoke.error"
	if errors.Is(cause, library.ErrStorageFull) {
		key = "revoke.error_full"
	}
	page.Error, page.IsError = page.Texts.Text(key, "app", page.App), true
	return h.ui.RenderFailure(w, cause, "revoke-grant", page)
}

// findGrant finds the grant that the address names, if it is the person's.
func (h *Grants) findGrant(r *http.Request, in *library.SignedIn) (appCard, grantRow, error) {
	cards, err := h.cards(r, in)
	if err != nil {
		return appCard{}, grantRow{}, err
	}
	for _, card := range cards {
		for _, g := range card.Permissions {
			if string(g.ID) == r.PathValue("grant") {
				return card, g, nil
			}
		}
	}
	return appCard{}, grantRow{}, fmt.Errorf("grant of the address: %w", library.ErrNotFound)
}

// findApp finds the application that the address names, if the person has ever allowed it something.
func (h *Grants) findApp(r *http.Request, in *library.SignedIn) (appCard, error) {
	cards, err := h.cards(r, in)
	if err != nil {
		return appCard{}, err
	}
	for _, card := range cards {
		if string(card.ID) == r.PathValue("application") {
			return card, nil
		}
	}
	return appCard{}, fmt.Errorf("application of the address: %w", library.ErrNotFound)
}

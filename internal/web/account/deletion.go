package account

import (
	"errors"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/signin"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Deletion is the page for deleting the library.
type Deletion struct {
	ui         *ui.UI
	logins     *signin.Logins
	people     *library.People
	consents   *library.Consents
	files      *library.Files
	deliveries *delivery.Queue
	// wait is how long the deletion can be undone; zero means not at all.
	wait time.Duration
}

// deletionPage says in numbers what will be deleted.
type deletionPage struct {
	*ui.Page
	Files, Apps int
	// Deliveries is how much is on its way to providers.
	Deliveries int
	// Until is how long the deletion can be undone; nil if not at all.
	Until *time.Time
}

func (h *Deletion) newPage(w http.ResponseWriter, r *http.Request, in *library.SignedIn) (*deletionPage, error) {
	t := ui.BrowserOf(r).Texts
	page := &deletionPage{Page: newAccountPage(h.ui, w, r, menuSettings, t.Text("delete.h1"))}
	page.Form = &ui.Form{Fields: []*ui.Field{
		ui.CurrentPassword("password", t.Text("delete.password")),
		{Kind: ui.KindCheckbox, Name: "delete-understood", Label: t.Text("delete.understood")},
	}}
	if h.wait > 0 {
		until := h.ui.Now().Add(h.wait)
		page.Until = &until
		page.Form.Get("delete-understood").Label = t.Text("delete.understood_then")
	}
	var err error
	if page.Files, err = h.files.Count(r.Context(), in); err != nil {
		return nil, err
	}
	if page.Deliveries, err = h.deliveries.CountForPerson(r.Context(), in); err != nil {
		return nil, err
	}
	grants, err := h.consents.ListGrants(r.Context(), in)
	if err != nil {
		return nil, err
	}
	apps := map[wire.ApplicationID]bool{}
	for _, g := range grants {
		if g.Standing(h.ui.Now()) == library.GrantCounts {
			apps[g.Grant.Application] = true
		}
	}
	page.Apps = len(apps)
	return page, nil
}

// Show shows what will be deleted, and asks.
func (h *Deletion) Show(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	page, err := h.newPage(w, r, in)
	if err != nil {
		return err
	}
	return h.ui.Render(w, http.StatusOK, "delete", page)
}

// Post deletes the library: after a time in which that can be undone, if the site has one, else at once.
func (h *Deletion) Post(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	page, err := h.newPage(w, r, in)
	if err != nil {
		return err
	}
	t, passwordField, understoodField := page.Texts, page.Form.Get("password"), page.Form.Get("delete-understood")
	if r.PostForm.Get(understoodField.Name) == "" {
		understoodField.Error = t.Spans("delete.error.understood")
	}
	if r.PostForm.Get(passwordField.Name) == "" {
		passwordField.Error = t.Spans("sign_in.error.password_missing")
	}
	if page.Form.HasErrors() {
		return h.ui.RenderInvalid(w, "delete", page)
	}
	deleteAt, err := h.people.Shut(r.Context(), in, r.PostForm.Get(passwordField.Name))
	if errors.Is(err, library.ErrWrongPassword) {
		// No password opens a library that the same form, sent at the same time, has just deleted.
		deleted, again := h.people.WasLoginDeleted(r.Context(), ui.BrowserOf(r).LoginSecret)
		switch {
		case again != nil:
			return again
		case deleted:
			return h.showDeleted(w, r)
		}
	}
	switch wait := ui.WaitErrorOf(err); {
	case wait != nil:
		passwordField.Error = t.WaitMessage(wait)
		return h.ui.RenderWait(w, "delete", page, wait)
	case errors.Is(err, library.ErrWrongPassword):
		passwordField.Error = t.Spans("delete.error.password")
		return h.ui.RenderInvalid(w, "delete", page)
	case errors.Is(err, library.ErrNotFound): // deleted by the same form, sent at the same time
		return h.showDeleted(w, r)
	case err != nil:
		return err
	case deleteAt.IsZero():
		return h.showDeleted(w, r)
	}
	return ui.SeeOther(w, r, "/shut")
}

// AfterDeletion serves the form of a library that is gone already: the button was pressed twice. It calls next for
// anything else that comes without a login.
func (h *Deletion) AfterDeletion(next ui.Handler) ui.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		secret := ui.BrowserOf(r).LoginSecret
		if secret.IsZero() {
			return next(w, r)
		}
		deleted, err := h.people.WasLoginDeleted(r.Context(), secret)
		switch {
		case err != nil:
			return err
		case deleted:
			return h.showDeleted(w, r)
		}
		return next(w, r)
	}
}

// showDeleted is the last page of a library. The login has ended with it.
func (h *Deletion) showDeleted(w http.ResponseWriter, r *http.Request) error {
	h.logins.Forget(w, r)
	return h.ui.Render(w, http.StatusOK, "deleted", h.ui.NewPage(r, ui.BrowserOf(r).Texts.Text("delete.gone.h1")))
}

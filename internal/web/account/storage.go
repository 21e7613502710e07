package account

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// storageRow is the storage of an application as a person sees it.
type storageRow struct {
	Files     int
	Size      string
	ChangedAt time.Time
}

// DeleteStorageURL is the page that asks whether to delete the storage of the application.
func (c appCard) DeleteStorageURL() string {
	return "/grants/app/" + url.PathEscape(string(c.ID)) + "/storage"
}

// storageRows are the storages of the person's library, by application.
func (h *Grants) storageRows(r *http.Request, in *library.SignedIn) (map[wire.ApplicationID]*storageRow, error) {
	list, err := h.storages.ListForPerson(r.Context(), in)
	if err != nil {
		return nil, err
	}
	f := h.ui.Formatter(ui.BrowserOf(r).Texts)
	rows := make(map[wire.ApplicationID]*storageRow, len(list))
	for _, s := range list {
		rows[s.Application] = &storageRow{Files: int(s.Files), Size: f.Size(s.Bytes), ChangedAt: s.ChangedAt}
	}
	return rows, nil
}

// deleteStoragePage asks whether to delete the storage of an application, and says what that means.
type deleteStoragePage struct {
	*ui.Page
	App     string
	Storage *storageRow
}

// ShowDeleteStorage asks whether to delete the storage of an application.
func (h *Grants) ShowDeleteStorage(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	card, err := h.findApp(r, in)
	switch {
	case err != nil:
		return err
	case card.Storage == nil: // gone back to, or loaded again
		return h.showNoStorage(w, r)
	}
	title := ui.BrowserOf(r).Texts.Text("storage.delete_h1", "app", card.App)
	page := &deleteStoragePage{newAccountPage(h.ui, w, r, menuGrants, title), card.App, card.Storage}
	return h.ui.Render(w, http.StatusOK, "delete-storage", page)
}

// PostDeleteStorage deletes the storage of an application. If there is none, the button was pressed twice: it is
// deleted.
func (h *Grants) PostDeleteStorage(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	card, err := h.findApp(r, in)
	if err != nil {
		return err
	}
	err = h.storages.DeleteForPerson(r.Context(), in, card.application)
	if err != nil && !errors.Is(err, library.ErrNotFound) {
		return err
	}
	h.ui.SetFlash(w, "storage.deleted", card.application.Name)
	return ui.SeeOther(w, r, "/grants")
}

// showNoStorage goes to the list, and says that the application has no storage.
func (h *Grants) showNoStorage(w http.ResponseWriter, r *http.Request) error {
	h.ui.SetFlash(w, "storage.gone", "")
	return ui.SeeOther(w, r, "/grants")
}

package signin

import (
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// PendingDeletion is the only page of a library that waits to be deleted. It offers to undo the deletion.
type PendingDeletion struct {
	ui     *ui.UI
	people *library.People
}

// pendingDeletionPage is the data of the page.
type pendingDeletionPage struct {
	*ui.Page
	DeleteAt time.Time
}

// Show shows when the library will be deleted.
func (d *PendingDeletion) Show(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow Flow) error {
	title := ui.BrowserOf(r).Texts.Text("delete.done.h1")
	p := &pendingDeletionPage{Page: d.ui.NewPage(r, title), DeleteAt: in.Library.DeleteAt}
	flow.Decorate(w, p.Page)
	p.SignOutURL = flow.signOutURL()
	return d.ui.Render(w, http.StatusOK, "pending-deletion", p)
}

// Undo brings the library back.
func (d *PendingDeletion) Undo(r *http.Request, in *library.SignedIn) error {
	if err := d.people.Reopen(r.Context(), in); err != nil {
		return fmt.Errorf("reopen library: %w", err)
	}
	return nil
}

// ShowOwn shows the page to a person who comes by themselves.
func (d *PendingDeletion) ShowOwn(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	if !in.Library.Shut() {
		return ui.SeeOther(w, r, "/files")
	}
	return d.Show(w, r, in, Flow{})
}

// PostOwn brings the library back for a person who comes by themselves.
func (d *PendingDeletion) PostOwn(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	if err := d.Undo(r, in); err != nil {
		return err
	}
	d.ui.SetFlash(w, "delete.undone", "")
	return ui.SeeOther(w, r, "/files")
}

package signin

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// RecoveryCode is the page that shows a new recovery code until the person has saved it.
type RecoveryCode struct {
	ui     *ui.UI
	people *library.People
}

// recoveryCodePage is the data of the page.
type recoveryCodePage struct {
	*ui.Page
	Code string
	// FileURL is the code as a file, which can be saved without a script.
	FileURL template.URL
}

// Pending returns the recovery code that the person has not saved yet, if there is one.
func (c *RecoveryCode) Pending(r *http.Request, in *library.SignedIn) (code string, pending bool, err error) {
	return c.people.PendingCode(r.Context(), in)
}

// Show shows a pending code.
func (c *RecoveryCode) Show(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow Flow, code string,
) error {
	t := ui.BrowserOf(r).Texts
	p := &recoveryCodePage{Page: c.ui.NewPage(r, t.Text("recovery.h1")), Code: code}
	flow.Decorate(w, p.Page)
	flow.count(p.Page, 2)
	p.SignOutURL = flow.signOutURL()
	text := t.Text("recovery.file", "email", in.Library.Email, "site", c.ui.PublicURL.Host,
		"date", c.ui.Formatter(t).Date(c.ui.Now()), "code", code)
	p.FileURL = template.URL("data:text/plain;charset=utf-8," + url.PathEscape(text+"\r\n"))
	return c.ui.Render(w, http.StatusOK, "recovery-code", p)
}

// Save notes that the person has saved the code. It is not shown again.
func (c *RecoveryCode) Save(r *http.Request, in *library.SignedIn) error {
	if err := c.people.SaveRecoveryCode(r.Context(), in); err != nil {
		return fmt.Errorf("save recovery code: %w", err)
	}
	return nil
}

// ShowOwn shows a pending code to a person who comes by themselves.
func (c *RecoveryCode) ShowOwn(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	code, pending, err := c.Pending(r, in)
	if err != nil {
		return err
	}
	if !pending {
		p := c.ui.NewPage(r, ui.BrowserOf(r).Texts.Text("recovery.h1"))
		p.SignOutURL = Flow{}.signOutURL()
		return c.ui.Render(w, http.StatusOK, "recovery-code-saved", p)
	}
	return c.Show(w, r, in, ownFlow(r), code)
}

// PostOwn notes that a person who comes by themselves has saved the code.
func (c *RecoveryCode) PostOwn(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	if err := c.Save(r, in); err != nil {
		return err
	}
	return ui.SeeOther(w, r, ownFlow(r).NextURL)
}

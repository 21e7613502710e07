package signin

import (
	"errors"
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
	// Code is the code; the form has its ID.
	Code library.PendingCode
	// FileURL is the code as a file, which can be saved without a script.
	FileURL template.URL
}

// Pending returns the recovery code that the person has not saved yet, if there is one.
func (c *RecoveryCode) Pending(r *http.Request, in *library.SignedIn) (
	code library.PendingCode, pending bool, err error,
) {
	return c.people.PendingCode(r.Context(), in)
}

// Show shows a pending code.
func (c *RecoveryCode) Show(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow Flow, code library.PendingCode,
) error {
	t := ui.BrowserOf(r).Texts
	p := &recoveryCodePage{Page: c.ui.NewPage(r, t.Text("recovery.h1")), Code: code}
	flow.Decorate(w, p.Page)
	flow.count(p.Page, 2)
	p.SignOutURL = flow.signOutURL()
	text := t.Text("recovery.file", "email", in.Library.Email, "site", c.ui.PublicURL.Host,
		"date", c.ui.Formatter(t).Date(c.ui.Now()), "code", code.Text)
	p.FileURL = template.URL("data:text/plain;charset=utf-8," + url.PathEscape(text+"\r\n"))
	return c.ui.Render(w, http.StatusOK, "recovery-code", p)
}

// Post notes that the person has saved the code that the page has shown. It is not shown again. If another code has
// replaced it, nothing changes, and a page says so.
func (c *RecoveryCode) Post(w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow Flow) error {
	err := c.people.SaveRecoveryCode(r.Context(), in, r.PostForm.Get("shown"))
	if errors.Is(err, library.ErrCodeReplaced) {
		_, pending, err := c.Pending(r, in)
		if err != nil {
			return err
		}
		return c.showReplaced(w, r, in, flow, http.StatusConflict, pending)
	}
	if err != nil {
		return fmt.Errorf("save recovery code: %w", err)
	}
	return ui.SeeOther(w, r, flow.NextURL)
}

// replacedCodePage is the data of the page that says that another code has replaced the one that was shown.
type replacedCodePage struct {
	*ui.Page
	// CodeURL shows the code that works; empty if it is not this browser's to show.
	CodeURL string
	// NextURL is the page that the person was going to, if the code that works is saved.
	NextURL string
	// NewURL makes a new code.
	NewURL string
}

// ShowReplaced says that another browser or window has made a code that nobody has saved yet, and offers to make one.
func (c *RecoveryCode) ShowReplaced(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow Flow,
) error {
	return c.showReplaced(w, r, in, flow, http.StatusOK, false)
}

func (c *RecoveryCode) showReplaced(
	w http.ResponseWriter, r *http.Request, in *library.SignedIn, flow Flow, status int, pending bool,
) error {
	p := &replacedCodePage{Page: c.ui.NewPage(r, ui.BrowserOf(r).Texts.Text("recovery.replaced_h1"))}
	flow.Decorate(w, p.Page)
	p.SignOutURL = flow.signOutURL()
	p.NewURL = withTarget("/settings/recovery-code", flow.NextURL)
	if in.Library.CodeSaved {
		p.NextURL = flow.NextURL
	}
	if pending && flow.Request != nil {
		p.CodeURL = flow.NextURL
	} else if pending {
		p.CodeURL = withTarget("/recovery-code", flow.NextURL)
	}
	return c.ui.Render(w, status, "recovery-code-replaced", p)
}

// ShowOwn shows a pending code to a person who comes by themselves.
func (c *RecoveryCode) ShowOwn(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	code, pending, err := c.Pending(r, in)
	if err != nil {
		return err
	}
	if !pending && !in.Library.CodeSaved {
		return c.ShowReplaced(w, r, in, ownFlow(r))
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
	return c.Post(w, r, in, ownFlow(r))
}

package account

import (
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Settings is the page of what a person can set: the language here, the rest on pages of its own.
type Settings struct{ ui *ui.UI }

// settingsPage is the data of the page.
type settingsPage struct {
	*ui.Page
	Email      string
	CodeSaved  bool
	CodeMadeAt time.Time
	// Choices are the languages to choose from.
	Choices []*ui.Texts
}

// Show shows the settings.
func (h *Settings) Show(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	title := ui.BrowserOf(r).Texts.Text("settings.h1")
	return h.ui.Render(w, http.StatusOK, "settings", &settingsPage{
		Page:      newAccountPage(h.ui, w, r, menuSettings, title),
		Email:     in.Library.Email,
		CodeSaved: in.Library.CodeSaved, CodeMadeAt: in.Library.CodeMadeAt,
		Choices: h.ui.Languages.All,
	})
}

// PostLanguage sets the language of the pages.
func (h *Settings) PostLanguage(w http.ResponseWriter, r *http.Request, _ *library.SignedIn) error {
	chosen := h.ui.Languages.Get(r.PostForm.Get("language"))
	if chosen == nil {
		return ui.BadForm("no such language")
	}
	h.ui.SetLanguage(w, chosen)
	h.ui.SetFlash(w, "settings.language_saved", "")
	return ui.SeeOther(w, r, "/settings")
}

package account

import (
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Settings is the page of what a person can set: the language here, the rest on pages of its own.
type Settings struct {
	ui    *ui.UI
	files *library.Files
}

// settingsPage is the data of the page.
type settingsPage struct {
	*ui.Page
	Email      string
	CodeSaved  bool
	CodeMadeAt time.Time
	// Choices are the languages to choose from.
	Choices []*ui.Texts
	// Room says how much room the files take; empty without files. RoomOf are the applications that pushed them.
	Room   string
	RoomOf []roomOf
}

// roomOf is how much room the files of an application take, or those that the person has added.
type roomOf struct{ Name, Size string }

// Show shows the settings.
func (h *Settings) Show(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	usage, err := h.files.Usage(r.Context(), in)
	if err != nil {
		return err
	}
	texts := ui.BrowserOf(r).Texts
	format := h.ui.Formatter(texts)
	title := texts.Text("settings.h1")
	room := ""
	switch used := format.Size(usage.Bytes); {
	case usage.Files == 0:
	case usage.Quota.Bytes > 0:
		room = texts.Text("settings.room_of", "used", used, "quota", format.Size(usage.Quota.Bytes))
	default:
		room = texts.Text("settings.room_used", "used", used)
	}
	applications := make([]roomOf, 0, len(usage.Applications))
	for _, a := range usage.Applications {
		name := ui.CleanText(a.Application.Name)
		if a.Application.ID == "" { // what the person has added
			name = texts.Text("settings.room_you")
		}
		applications = append(applications, roomOf{name, format.Size(a.Bytes)})
	}
	return h.ui.Render(w, http.StatusOK, "settings", &settingsPage{
		Room: room, RoomOf: applications,
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

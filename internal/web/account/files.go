package account

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Files are the pages of a person's files.
type Files struct {
	ui     *ui.UI
	files  *library.Files
	people *library.People
}

// filesPage is the data of the list.
type filesPage struct {
	*ui.Page
	Search       string
	Application  wire.ApplicationID
	Applications []library.Application
	Files        []fileRow
	// IsFiltered reports that the list may be a part of the files.
	IsFiltered bool
	Range      string
	// PreviousURL and NextURL are empty if there is no such page.
	PreviousURL, NextURL string
}

// fileRow is a file as a person sees it.
type fileRow struct {
	ID                     wire.FileName
	Name, Kind, From, Size string
	Labels                 []string
	AddedAt                time.Time
}

// URL is the address of the file's page, DownloadURL that of its content.
func (f fileRow) URL() string         { return "/files/" + url.PathEscape(string(f.ID)) }
func (f fileRow) DownloadURL() string { return f.URL() + "/download" }

// maxSearch bounds what is searched for, in bytes.
const maxSearch = 200

// List lists the files, or those that are searched for.
func (h *Files) List(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	t, query := ui.BrowserOf(r).Texts, r.URL.Query()
	filter := library.FileFilter{
		Text:        ui.CleanText(query.Get("q")),
		Application: wire.ApplicationID(query.Get("from")),
		Page:        ui.ParsePageNumber(query.Get("page")),
	}
	if len(filter.Text) > maxSearch {
		filter.Text = filter.Text[:maxSearch]
	}
	found, err := h.files.ListForPerson(r.Context(), in, filter)
	if err != nil {
		return err
	}
	page := &filesPage{
		Page:   newAccountPage(h.ui, w, r, menuFiles, t.Text("files.h1")),
		Search: filter.Text, Application: filter.Application, Applications: found.Applications,
		IsFiltered: filter.Text != "" || filter.Application != "" || filter.Page > 1,
	}
	names := applicationNames(found.Applications)
	for _, file := range found.Files {
		page.Files = append(page.Files, h.newRow(t, file, names))
	}
	if found.Total > library.PageSize {
		page.Range = t.Text("common.range", "from", found.From, "to", found.To, "total", found.Total)
	}
	pageURL := func(number int) string {
		values := url.Values{"q": {filter.Text}, "from": {string(filter.Application)}, "page": {strconv.Itoa(number)}}
		return "/files?" + values.Encode()
	}
	if filter.Page > 1 && found.Total > 0 {
		last := (found.Total + library.PageSize - 1) / library.PageSize
		page.PreviousURL = pageURL(min(filter.Page-1, last))
	}
	if found.To > 0 && found.To < found.Total {
		page.NextURL = pageURL(filter.Page + 1)
	}
	return h.ui.Render(w, http.StatusOK, "files", page)
}

func applicationNames(list []library.Application) map[wire.ApplicationID]string {
	names := make(map[wire.ApplicationID]string, len(list))
	for _, a := range list {
		names[a.ID] = a.Name
	}
	return names
}

func (h *Files) newRow(t *ui.Texts, file library.File, names map[wire.ApplicationID]string) fileRow {
	row := fileRow{
		ID: file.ID, Name: h.name(t, file), Kind: t.FileKind(file.Metadata.MIMEType),
		From: ui.CleanText(names[file.Application]), Size: h.ui.Formatter(t).Size(file.Size), AddedAt: file.CreatedAt,
	}
	for _, label := range file.Metadata.Tags {
		row.Labels = append(row.Labels, ui.CleanText(label))
	}
	return row
}

// name is the name that the application gave a file, or its date.
func (h *Files) name(t *ui.Texts, file library.File) string {
	if name := ui.CleanText(file.Name()); name != "" {
		return name
	}
	return t.Text("files.unnamed", "date", h.ui.Formatter(t).Date(file.CreatedAt))
}

// filePage is the data of a file's page: everything but its content.
type filePage struct {
	*ui.Page
	File fileRow
}

// Show shows a file.
func (h *Files) Show(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	file, err := h.files.GetForPerson(r.Context(), in, wire.FileName(r.PathValue("file")))
	if err != nil {
		return err
	}
	// The list has the name of the application that added the file.
	found, err := h.files.ListForPerson(r.Context(), in, library.FileFilter{Application: file.Application})
	if err != nil {
		return err
	}
	row := h.newRow(ui.BrowserOf(r).Texts, file, applicationNames(found.Applications))
	return h.ui.Render(w, http.StatusOK, "file", &filePage{newAccountPage(h.ui, w, r, menuFiles, row.Name), row})
}

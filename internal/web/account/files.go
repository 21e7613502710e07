package account

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Files are the pages of a person's files.
type Files struct {
	ui          *ui.UI
	files       *library.Files
	people      *library.People
	connections *delivery.Connections
}

// filesPage is the data of the list.
type filesPage struct {
	*ui.Page
	Search       string
	Application  wire.ApplicationID
	Applications []library.Application
	Files        []fileRow
	// IsFiltered reports that the list may be a part of the files, and IsContinued that this is not its first page.
	IsFiltered, IsContinued bool
	// Range says which of how many files the page has; empty if that is not known.
	Range string
	// Searched says what was searched, if the search goes on at the next or the previous page; empty if not.
	Searched string
	// PreviousURL and NextURL are empty if there is no such page.
	PreviousURL, NextURL string
	// PreviousIsSearch and NextIsSearch report that nobody has looked yet whether that page has a file.
	PreviousIsSearch, NextIsSearch bool
}

// fileRow is a file as a person sees it.
type fileRow struct {
	ID                     wire.FileName
	Name, Kind, From, Size string
	// Collected says from which source the file was collected, and for which application; empty for one that was added.
	Collected string
	Labels    []string
	AddedAt   time.Time
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
		From:        filePosition(query),
	}
	if len(filter.Text) > maxSearch {
		filter.Text = strings.ToValidUTF8(filter.Text[:maxSearch], "")
	}
	found, err := h.files.ListForPerson(r.Context(), in, filter)
	if err != nil {
		return err
	}
	page := &filesPage{
		Page:   newAccountPage(h.ui, w, r, menuFiles, t.Text("files.h1")),
		Search: filter.Text, Application: filter.Application, Applications: found.Applications,
		IsFiltered: filter.Text != "" || filter.Application != "", IsContinued: found.Newer != nil,
		PreviousURL: filesURL(filter, found.Newer), NextURL: filesURL(filter, found.Older),
	}
	connections, err := h.connections.List(r.Context(), in)
	if err != nil {
		return err
	}
	names := applicationNames(found.Applications)
	for _, file := range found.Files {
		page.Files = append(page.Files, h.newRow(t, file, names[file.Application], connections))
	}
	if found.Total > library.PageSize {
		page.Range = t.Text("common.range", "from", found.From, "to", found.To, "total", found.Total)
	}
	if part := found.Searched; part != nil {
		page.Searched = h.searchedText(t, part)
		page.PreviousIsSearch, page.NextIsSearch = part.Newer, !part.Newer
	}
	return h.ui.Render(w, http.StatusOK, "files", page)
}

// The parameters of an address that say where a page of files begins.
const (
	paramOlder  = "before" // the page has the files that are older than the one at this position
	paramNewer  = "after"
	paramNumber = "number" // of the file at that position; see [library.FilePosition]
)

// filePosition reads where a page of files begins. Anything else than a position is the first page, as are the numbers
// of pages that addresses once had.
func filePosition(query url.Values) (p library.FilePosition) {
	for _, name := range []string{paramOlder, paramNewer} {
		if at, id, ok := parsePosition(query.Get(name)); ok {
			p = library.FilePosition{CreatedAt: at, ID: wire.FileName(id), Newer: name == paramNewer}
			if n, err := strconv.ParseInt(query.Get(paramNumber), 10, 32); err == nil && n > 0 {
				p.Number = int(n)
			}
			return p
		}
	}
	return library.FilePosition{}
}

// filesURL is the address of the page of a list that begins at a position; empty for nil.
func filesURL(filter library.FileFilter, p *library.FilePosition) string {
	if p == nil {
		return ""
	}
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("q", filter.Text)
	set("from", string(filter.Application))
	if p.Number > 0 {
		set(paramNumber, strconv.Itoa(p.Number))
	}
	if p.Newer {
		set(paramNewer, formatPosition(p.CreatedAt, p.ID))
	} else {
		set(paramOlder, formatPosition(p.CreatedAt, p.ID))
	}
	return "/files?" + values.Encode()
}

// searchedText says which part of the files was searched.
func (h *Files) searchedText(t *ui.Texts, part *library.SearchedPart) string {
	f := h.ui.Formatter(t)
	since, until := f.Date(part.Since), f.Date(part.Until)
	if since == until {
		return t.Text("files.searched_day", "date", since)
	}
	return t.Text("files.searched", "since", since, "until", until)
}

func applicationNames(list []library.Application) map[wire.ApplicationID]string {
	names := make(map[wire.ApplicationID]string, len(list))
	for _, a := range list {
		names[a.ID] = a.Name
	}
	return names
}

// newRow returns the row of a file that the application of a name has added, or for which it was collected; empty if
// that is not known, or if the person has added the file.
func (h *Files) newRow(
	t *ui.Texts, file library.File, application string, connections []delivery.Connection,
) fileRow {
	row := fileRow{
		ID: file.ID, Name: h.name(t, file), Kind: t.FileKind(file.Metadata.MIMEType),
		From: ui.CleanText(application), Size: h.ui.Formatter(t).Size(file.Size), AddedAt: file.CreatedAt,
	}
	if file.IsImported() {
		row.From = t.Text("files.from_you")
	}
	if file.IsCollected() {
		row.Collected = h.collectedText(t, file, row.From, connections)
	}
	for _, label := range file.Metadata.Tags {
		row.Labels = append(row.Labels, ui.CleanText(label))
	}
	return row
}

// collectedText says where a file was collected and for which application. The account may have been disconnected
// since: then the name of the source is what the file or its service says, if they do.
func (h *Files) collectedText(
	t *ui.Texts, file library.File, app string, connections []delivery.Connection,
) string {
	source, isSample := "", false
	i := slices.IndexFunc(connections, func(c delivery.Connection) bool { return c.ID == file.Collected.Account })
	switch {
	case i >= 0:
		of := connections[i].Source
		source, isSample = h.ui.SourceName(t, of.ID, of.Name), of.SampleSet != ""
	case file.Collected.Mapped != nil && file.Metadata.ProviderName != "":
		source = h.ui.SourceName(t, 0, file.Metadata.ProviderName)
	default: // a letter names who wrote it
		source = h.ui.SourceName(t, 0, h.ui.Services.ServiceName(file.Collected.Service))
	}
	if isSample {
		source = t.Text("files.invented", "source", source)
	}
	switch {
	case source == "" && app == "":
		return t.Text("files.collected")
	case source == "":
		return t.Text("files.collected_for", "app", app)
	case app == "":
		return t.Text("files.collected_from", "source", source)
	}
	return t.Text("files.collected_from_for", "source", source, "app", app)
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
	file, application, err := h.files.GetForPerson(r.Context(), in, wire.FileName(r.PathValue("file")))
	if err != nil {
		return err
	}
	connections, err := h.connections.List(r.Context(), in)
	if err != nil {
		return err
	}
	row := h.newRow(ui.BrowserOf(r).Texts, file, application.Name, connections)
	return h.ui.Render(w, http.StatusOK, "file", &filePage{newAccountPage(h.ui, w, r, menuFiles, row.Name), row})
}

package pages

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// filesPage lists a person's files.
type filesPage struct {
	*view
	Text         string
	Application  wire.ApplicationID
	Applications []library.Application
	Files        []fileRow
	// Filtered says that not all files are asked for.
	Filtered bool
	Range    string
	// Previous and Next are addresses; empty if there is no such page.
	Previous, Next string
}

// fileRow is a file as a person sees it.
type fileRow struct {
	ID                    wire.FileName
	Name, Kind, Who, Size string
	Labels                []string
	AddedAt               time.Time
}

// Href is the file's page, Download its content.
func (f fileRow) Href() string     { return "/files/" + url.PathEscape(string(f.ID)) }
func (f fileRow) Download() string { return f.Href() + "/download" }

// maxSearch bounds what is searched for, in bytes.
const maxSearch = 200

func (s *site) showFiles(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	t, query := visitOf(r).texts, r.URL.Query()
	filter := library.FileFilter{Text: quote(query.Get("q")), Application: wire.ApplicationID(query.Get("from")), Page: pageNumber(query.Get("page"))}
	if len(filter.Text) > maxSearch {
		filter.Text = filter.Text[:maxSearch]
	}
	found, err := s.files.ListForPerson(r.Context(), in, filter)
	if err != nil {
		return err
	}
	p := &filesPage{view: s.newDesk(w, r, "files", t.text("files.h1")), Text: filter.Text, Application: filter.Application,
		Applications: found.Applications, Filtered: filter.Text != "" || filter.Application != "" || filter.Page > 1}
	names := applicationNames(found.Applications)
	for _, file := range found.Files {
		p.Files = append(p.Files, s.fileRow(t, file, names))
	}
	if found.Total > library.PageSize {
		p.Range = t.text("common.range", "from", found.From, "to", found.To, "total", found.Total)
	}
	at := func(page int) string {
		q := url.Values{"q": {filter.Text}, "from": {string(filter.Application)}, "page": {strconv.Itoa(page)}}
		return "/files?" + q.Encode()
	}
	if filter.Page > 1 && found.Total > 0 {
		p.Previous = at(min(filter.Page-1, (found.Total+library.PageSize-1)/library.PageSize))
	}
	if found.To > 0 && found.To < found.Total {
		p.Next = at(filter.Page + 1)
	}
	return s.render(w, http.StatusOK, "files", p)
}

// maxPages bounds the numbers of pages that are looked at.
const maxPages = 1_000_000

// pageNumber reads the number of a page; anything else is the first.
func pageNumber(s string) int {
	if n, err := strconv.Atoi(s); err == nil && n > 1 && n < maxPages {
		return n
	}
	return 1
}

func applicationNames(list []library.Application) map[wire.ApplicationID]string {
	names := make(map[wire.ApplicationID]string, len(list))
	for _, a := range list {
		names[a.ID] = a.Name
	}
	return names
}

func (s *site) fileRow(t *texts, file library.File, names map[wire.ApplicationID]string) fileRow {
	f := formatter{t, s.config.Zone}
	row := fileRow{ID: file.ID, Name: s.fileName(t, file), Kind: t.text(kindOf(file.Metadata.MIMEType)),
		Who: quote(names[file.Application]), Size: f.size(file.Size), AddedAt: file.CreatedAt}
	for _, label := range file.Metadata.Tags {
		row.Labels = append(row.Labels, quote(label))
	}
	return row
}

// fileName is the name that the pusher gave a file, or its date.
func (s *site) fileName(t *texts, file library.File) string {
	if name := quote(file.Name()); name != "" {
		return name
	}
	return t.text("files.unnamed", "date", formatter{t, s.config.Zone}.date(file.CreatedAt))
}

// filePage is everything about one file but its content.
type filePage struct {
	*view
	File fileRow
}

func (s *site) showFile(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	file, err := s.files.GetForPerson(r.Context(), in, wire.FileName(r.PathValue("file")))
	if err != nil {
		return err
	}
	names, err := s.pusherOf(r, in, file)
	if err != nil {
		return err
	}
	row := s.fileRow(visitOf(r).texts, file, names)
	return s.render(w, http.StatusOK, "file", &filePage{view: s.newDesk(w, r, "files", row.Name), File: row})
}

// pusherOf finds the name of the application that added a file.
func (s *site) pusherOf(r *http.Request, in *library.SignedIn, file library.File) (map[wire.ApplicationID]string, error) {
	found, err := s.files.ListForPerson(r.Context(), in, library.FileFilter{Application: file.Application})
	if err != nil {
		return nil, err
	}
	return applicationNames(found.Applications), nil
}

// downloadFile gives a file's content, as it was added. It came from an application
// and could be anything, so no browser may show it as a page of ours.
func (s *site) downloadFile(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	file, content, err := s.files.OpenForPerson(r.Context(), in, wire.FileName(r.PathValue("file")))
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	h := w.Header()
	h.Set("Content-Type", downloadType(file.Metadata.MIMEType))
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": s.saveName(visitOf(r).texts, file)}))
	h.Set("Content-Length", strconv.FormatInt(file.Size, 10))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, content); err != nil {
		// The length was promised, so the browser sees that something is missing.
		s.config.Log.WarnContext(r.Context(), "download broke off", "file", file.ID, "error", err)
	}
	return nil
}

// downloadType is a file's type, unless a browser could run what is in it.
func downloadType(mimeType string) string {
	kind, _, err := mime.ParseMediaType(mimeType)
	if err != nil || !strings.Contains(kind, "/") {
		return "application/octet-stream"
	}
	for _, active := range []string{"html", "svg", "xml", "script", "css", "wasm"} {
		if strings.Contains(kind, active) {
			return "application/octet-stream"
		}
	}
	return kind
}

// endings are put to names that have none, so that a saved file opens.
var endings = map[string]string{
	"application/pdf": ".pdf", "application/json": ".json", "application/fhir+json": ".json", "text/plain": ".txt",
	"text/csv": ".csv", "image/jpeg": ".jpg", "image/jpg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/tiff": ".tiff",
}

var ending = regexp.MustCompile(`\.[A-Za-z0-9]{1,5}$`)

// saveName is the name to save a file under: no folder, nothing that a file system
// would trip over.
func (s *site) saveName(t *texts, file library.File) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, s.fileName(t, file))
	name = strings.Trim(name, ". ")
	if name == "" {
		name = string(file.ID)
	}
	if !ending.MatchString(name) {
		kind, _, _ := mime.ParseMediaType(file.Metadata.MIMEType)
		name += endings[kind]
	}
	return name
}

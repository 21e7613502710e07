package account

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Download sends a file's content as it was added. It came from an application and can be anything, so no browser may
// show it as a page of this site. It breaks off if the person ends the browser's login meanwhile.
func (h *Files) Download(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	file, content, err := h.files.OpenForPerson(r.Context(), in, wire.FileName(r.PathValue("file")))
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	name := downloadName(h.name(ui.BrowserOf(r).Texts, file), file)
	header := w.Header()
	header.Set("Content-Type", downloadType(file.Metadata.MIMEType))
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	header.Set("Content-Length", strconv.FormatInt(file.Size, 10))
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	header.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusOK)
	ctx, stop := h.people.WatchLogin(r.Context(), in)
	defer stop()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), library.ErrEnded) { // the write that is under way fails
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0))
		}
	})()
	if _, err := io.Copy(w, content); err != nil {
		// The browser knows the length, and so that the content is incomplete.
		h.ui.Log.WarnContext(r.Context(), "download broke off", "file", file.ID, "error", err)
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

// extensions are added to names without one, so that a saved file opens.
var extensions = map[string]string{
	"application/pdf":       ".pdf",
	"application/json":      ".json",
	"application/fhir+json": ".json",
	"text/plain":            ".txt",
	"text/csv":              ".csv",
	"image/jpeg":            ".jpg",
	"image/jpg":             ".jpg",
	"image/png":             ".png",
	"image/gif":             ".gif",
	"image/tiff":            ".tiff",
}

var extension = regexp.MustCompile(`\.[A-Za-z0-9]{1,5}$`)

// downloadName is the name to save a file under: without a folder, and without characters that file systems refuse.
func downloadName(name string, file library.File) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name)
	name = strings.Trim(name, ". ")
	if name == "" {
		name = string(file.ID)
	}
	if !extension.MatchString(name) {
		kind, _, _ := mime.ParseMediaType(file.Metadata.MIMEType)
		name += extensions[kind]
	}
	return name
}

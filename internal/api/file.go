package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// file answers with a file that is encrypted for the contract, and a HEAD with its metadata.
func (a *api) file(w http.ResponseWriter, r *http.Request, s *library.ReadSession) error {
	name := wire.FileName(r.PathValue("file"))
	if !wire.ValidName(string(name)) {
		return notFound("File")
	}
	if r.Method == http.MethodHead {
		file, err := a.Files.Find(r.Context(), s, name)
		if err != nil {
			return err
		}
		// The headers are the whole answer, so the nonce is used up before they are written.
		if err := a.Clients.UseNonce(r.Context(), s.Bearer.Request()); err != nil {
			return err
		}
		return fileHeader(w, file)
	}
	file, content, err := a.Files.Open(r.Context(), s, name)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	if err := fileHeader(w, file); err != nil {
		return err
	}
	err = a.send(r, s.Bearer, func(context.Context) error {
		_, err := wire.SealEnvelope(w, s.Bearer.Request().Key(), content)
		return err
	})
	if err != nil {
		return errors.Join(errBrokenOff, err)
	}
	return nil
}

// fileHeader sets the headers of a file.
func fileHeader(w http.ResponseWriter, file library.File) error {
	metadata, err := headerMetadata(file).EncodeHeader()
	if err != nil {
		return err
	}
	h := w.Header()
	h["x-metadata"] = []string{metadata} // lower case: iOS looks for nothing else
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(wire.EnvelopeSize(file.Size), 10))
	h.Set("Last-Modified", file.CreatedAt.UTC().Format(http.TimeFormat))
	h.Set("Cache-Control", "no-store")
	return nil
}

// headerMetadata is what a reader gets of a file's metadata.
func headerMetadata(file library.File) wire.FileMetadata {
	if file.Collected != nil && file.Collected.Mapped != nil {
		return wire.FileMetadata{Mapped: file.Collected.Mapped}
	}
	return wire.FileMetadata{Raw: &file.Metadata}
}

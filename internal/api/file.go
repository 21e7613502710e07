package api

import (
	"context"
	"crypto/sha512"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// file answers with a file that is encrypted for the contract, and a HEAD with its metadata.
func (a *api) file(w http.ResponseWriter, r *http.Request, s *library.ReadSession) error {
	return a.fileWith(w, r, s, a.Files.Open, 0)
}

// hashedFile is file for clients of before v1.7: the hash of the content comes before it.
func (a *api) hashedFile(w http.ResponseWriter, r *http.Request, s *library.ReadSession) error {
	return a.fileWith(w, r, s, a.Files.OpenHashed, sha512.Size)
}

// fileWith answers with a file as it is opened by a function, which adds so many bytes to it.
func (a *api) fileWith(
	w http.ResponseWriter, r *http.Request, s *library.ReadSession,
	open func(context.Context, *library.ReadSession, wire.FileName) (library.File, io.ReadCloser, error), added int64,
) error {
	name := wire.FileName(r.PathValue("file"))
	switch {
	case !wire.ValidName(string(name)):
		return notFound("File")
	case name == accountsFileName:
		return a.accountsFile(w, r, s, added > 0)
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
		return fileHeader(w, headerMetadata(file), file.Size+added, file.CreatedAt)
	}
	file, content, err := open(r.Context(), s, name)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // it was only read
	if err := fileHeader(w, headerMetadata(file), file.Size+added, file.CreatedAt); err != nil {
		return err
	}
	return a.sendFile(w, r, s, content)
}

// sendFile sends a content in an envelope.
func (a *api) sendFile(w http.ResponseWriter, r *http.Request, s *library.ReadSession, content io.Reader) error {
	err := a.send(r, s.Bearer, func(context.Context) error {
		_, err := wire.SealEnvelope(w, s.Bearer.Request().Key(), content)
		return err
	})
	if err != nil {
		return errors.Join(errBrokenOff, err)
	}
	return nil
}

// fileHeader sets the headers of a file.
func fileHeader(w http.ResponseWriter, m wire.FileMetadata, size int64, created time.Time) error {
	metadata, err := m.EncodeHeader()
	if err != nil {
		return err
	}
	h := w.Header()
	h["x-metadata"] = []string{metadata} // lower case: iOS looks for nothing else
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(wire.EnvelopeSize(size), 10))
	h.Set("Last-Modified", created.UTC().Format(http.TimeFormat))
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

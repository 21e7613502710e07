package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// trigger starts a session.
func (a *api) trigger(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	var body wire.TriggerRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	session, err := a.Consents.StartSession(r.Context(), b, body.SessionOptions)
	if err != nil {
		return err
	}
	if err := a.Fetches.Request(r.Context(), b.Grant, body.SessionOptions); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, wire.TriggerAnswer{Session: session})
	return nil
}

// fileList lists the files that the session may read. It writes the list while it reads it: a
// library may have a million files.
func (a *api) fileList(w http.ResponseWriter, r *http.Request, s *library.ReadSession) error {
	status, err := a.Files.SessionStatus(r.Context(), s)
	if err == nil {
		err = a.Fetches.SessionStatus(r.Context(), s, &status)
	}
	if err != nil {
		return err
	}
	head, err := json.Marshal(status)
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, 32<<10)
	fmt.Fprintf(out, `{"status":%s,"fileList":[`, head)
	separator := ""
	err = a.send(r, s.Bearer, func(ctx context.Context) error {
		err := a.Files.List(ctx, s, func(f wire.FileEntry) error {
			entry, err := json.Marshal(f)
			if err != nil {
				return fmt.Errorf("encode file: %w", err)
			}
			_, err = fmt.Fprintf(out, "%s%s", separator, entry)
			separator = ","
			return err
		})
		if err != nil {
			return err
		}
		if _, err := out.WriteString("]}"); err != nil {
			return err
		}
		return out.Flush()
	})
	if err != nil {
		return errors.Join(errBrokenOff, err)
	}
	return nil
}

package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store"
)

const (
	// readyTimeout bounds a check.
	readyTimeout = 5 * time.Second
	// minFree is how many bytes must be free on the disks. With less, a push or SQLite's log may fill them.
	minFree = 16 << 20
	// readyRetry is after how many seconds whoever asks should ask again.
	readyRetry = "5"
)

// readiness says in a word each whether the parts of the server can be used: "ok", or what is wrong.
type readiness struct {
	Database string `json:"database"`
	Contents string `json:"contents"`
	Space    string `json:"space"`
	Keyring  string `json:"keyring"`

	err error // for the log
}

func (r readiness) ready() bool {
	return r.Database == wordOK && r.Contents == wordOK &&
		(r.Space == wordOK || r.Space == wordReserve) && r.Keyring == wordOK
}

// The words of readiness. docs/operating.md explains them.
const (
	wordOK          = "ok"
	wordUnreachable = "unreachable" // the database does not answer
	wordBusy        = "busy"        // too much is waiting for the database
	wordFull        = "full"        // the disk of the database
	wordNewer       = "newer"       // a newer program has changed the database
	wordOther       = "other"       // the folder of large contents is not that of the database
	wordUnknown     = "unknown"     // it cannot be said while the database does not answer
	wordLow         = "low"         // little space is left
	wordReserve     = "reserve"     // pushes are refused, and all else goes on: the server is ready
	wordReplaced    = "replaced"    // the file of the master keys
)

// health responds that the process lives.
func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// ready responds with 200 if the server can do its work and 503 otherwise, and says of each part how it is. Requests at
// the same time share a check.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	shared, _, _ := s.checks.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), readyTimeout)
		defer cancel()
		return s.checkReady(ctx), nil
	})
	state := shared.(readiness)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	status := http.StatusOK
	if !state.ready() {
		status = http.StatusServiceUnavailable
		h.Set("Retry-After", readyRetry)
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(state) // the client may be gone
}

// checkReady checks each part, and logs what is wrong.
func (s *Server) checkReady(ctx context.Context) readiness {
	r := readiness{Database: wordOK, Contents: wordOK, Space: wordOK, Keyring: wordOK}
	fault := func(word *string, is string, err error) {
		*word = is
		r.err = errors.Join(r.err, err)
	}
	if err := s.db.Check(ctx); err != nil {
		fault(&r.Database, databaseWord(err), err)
	}
	if err := s.checkFolder(ctx); err != nil {
		fault(&r.Contents, contentsWord(err), err)
	}
	if err := s.checkSpace(); err != nil {
		fault(&r.Space, wordLow, err)
	} else if s.space.Check() != nil {
		r.Space = wordReserve
	}
	if err := s.keyring.check(); err != nil {
		fault(&r.Keyring, wordReplaced, err)
	}
	if !r.ready() {
		s.config.Log.Error("not ready", "database", r.Database, "contents", r.Contents, "space", r.Space,
			"keyring", r.Keyring, "error", r.err)
	}
	return r
}

func databaseWord(err error) string {
	switch {
	case errors.Is(err, store.ErrNewer):
		return wordNewer
	case errors.Is(err, library.ErrStorageFull):
		return wordFull
	case errors.Is(err, library.ErrBusy):
		return wordBusy
	}
	return wordUnreachable
}

func contentsWord(err error) string {
	if errors.Is(err, errOtherFolder) || errors.Is(err, blob.ErrMoved) {
		return wordOther
	}
	return wordUnknown
}

// errLowSpace says that a disk is nearly full.
var errLowSpace = errors.New("the disk has little space left: free some on it")

// checkSpace returns an error if one of the disks is nearly full. That of PostgreSQL is not known.
func (s *Server) checkSpace() error {
	for _, folder := range s.folders() {
		if free, _, err := diskSpace(folder); err == nil && free < minFree {
			return errLowSpace
		}
	}
	return nil
}

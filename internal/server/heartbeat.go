package server

import (
	"context"
	"errors"
	"time"

	"github.com/carrelhq/carrel/internal/blob"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// Servers that share a PostgreSQL database also share the folder of large contents. The mark of the folder does not
// tell a folder from its copy. So each server writes a number into a file there, again and again, and then into its row
// of the database. A server whose folder stays behind the row of another one that is running has a copy.
//
// The row serves commands too that need the database alone: the lock of a server ends with its connection, and the
// server takes it again only after PostgreSQL has been started again.

// A heartbeat says to others that this server runs.
type heartbeat struct {
	db   *store.DB
	disk *blob.Disk
	id   string
	beat int64
	// behind has the servers whose file is older than their row: the number of the row, and how often it has grown
	// since.
	behind map[string]lag
	// failedAt is when an error was last returned to be logged; zero after a success.
	failedAt time.Time
}

type lag struct {
	beat  int64
	grown int
}

const (
	// beatInterval is how often a server renews its row and its file. [store.ServerTimeout] is much longer.
	beatInterval = 2 * time.Second
	// beatPoll is how often a server that starts looks whether another one is alive.
	beatPoll = beatInterval / 4
	// maxLag is how often the number of another server has to grow, without its file, until the folder is taken for
	// another one: caches of a network's file system may be behind once.
	maxLag = 3
)

// newHeartbeat returns the heartbeat of this server, after it has made sure that its folder is the one of the others.
func newHeartbeat(ctx context.Context, db *store.DB, disk *blob.Disk) (*heartbeat, error) {
	h := &heartbeat{db: db, disk: disk, id: seal.RandomID(20), behind: map[string]lag{}}
	if !db.Shared() {
		return h, nil
	}
	// A file that is behind may also be of a server that was killed with its machine. That one renews nothing.
	for deadline := time.Now().Add(2 * beatInterval); ; {
		other, err := h.compare(ctx, 1)
		if err != nil {
			return nil, err
		}
		if other.ID != "" {
			return nil, h.notShared()
		}
		if len(h.behind) == 0 || time.Now().After(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(beatPoll):
		}
	}
	return h, nil
}

// notShared is the error of a server that has a copy of the folder.
func (h *heartbeat) notShared() error {
	return errors.New("another server that runs on this database has another folder of large contents than this one: " +
		"one of the two is a copy. All servers of an installation share one folder: mount it at --data " +
		"(CARREL_DATA). If the other server has the wrong one, stop it first")
}

// compare returns a server of which the number in the database has grown some times while the file in the folder was
// behind; zero if there is none.
func (h *heartbeat) compare(ctx context.Context, times int) (_ store.RunningServer, err error) {
	servers, err := h.db.ListServers(ctx)
	if err != nil {
		return store.RunningServer{}, err
	}
	behind := map[string]lag{}
	defer func() { h.behind = behind }()
	for _, s := range servers {
		there, err := h.disk.ReadBeat(s.ID) // after the row, and written before it
		if err != nil {
			return store.RunningServer{}, err
		}
		if there >= s.Beat {
			continue
		}
		was, known := h.behind[s.ID]
		if known && s.Beat > was.beat {
			was.grown++
		}
		behind[s.ID] = lag{s.Beat, was.grown}
		if was.grown >= times {
			return s, nil
		}
	}
	return store.RunningServer{}, nil
}

// renew writes the file and then the row. If the file cannot be written, the row keeps its number, and says that the
// server runs.
func (h *heartbeat) renew(ctx context.Context) (file, row error) {
	if file = h.disk.WriteBeat(h.id, h.beat+1); file == nil {
		h.beat++
	}
	return file, h.db.RenewServer(ctx, h.id, h.beat)
}

// startHeartbeat says for the first time that this server runs. It does so also if the disk is full.
func (s *Server) startHeartbeat(ctx context.Context) error {
	if !s.db.Shared() {
		return nil
	}
	file, row := s.heartbeat.renew(ctx)
	if file != nil {
		s.config.Log.Error("other servers cannot tell whether they have the same folder of large contents",
			"error", file)
	}
	return row
}

// stopHeartbeat says that this server has stopped. Otherwise it counts as running for a minute.
func (s *Server) stopHeartbeat(ctx context.Context) {
	if s.heartbeat == nil || !s.db.Shared() {
		return
	}
	err := errors.Join(s.db.RemoveServer(ctx, s.heartbeat.id), s.disk.RemoveBeat(s.heartbeat.id))
	if err != nil {
		s.config.Log.Warn("the database and the folder may say for a minute that this server runs", "error", err)
	}
}

// holdDatabase is the background task of [Server.beats]. It returns an error that lasts once a minute.
func (s *Server) holdDatabase(ctx context.Context) error {
	h, err := s.heartbeat, s.beats(ctx)
	switch {
	case err == nil:
		h.failedAt = time.Time{}
	case time.Since(h.failedAt) < expiredInterval:
		return nil
	default:
		h.failedAt = time.Now()
	}
	return err
}

// beats renews the hold of the database and the heartbeat. It ends the server if somebody else has the database alone,
// or if another server, which started earlier, has another folder of large contents.
func (s *Server) beats(ctx context.Context) error {
	if err := s.hold.Check(ctx); err != nil {
		if errors.Is(err, store.ErrHeld) {
			s.end(err)
		}
		return err
	}
	h := s.heartbeat
	if !h.db.Shared() {
		return nil
	}
	if err := errors.Join(h.renew(ctx)); err != nil {
		return err
	}
	other, err := h.compare(ctx, maxLag)
	if err != nil || other.ID == "" {
		return err
	}
	own, err := h.db.ListServers(ctx)
	if err != nil {
		return err
	}
	for _, server := range own { // the oldest first
		switch server.ID {
		case other.ID:
			err := h.notShared()
			s.end(err)
			return err
		case h.id:
			return errors.New("a server that started later has another folder of large contents, and will end")
		}
	}
	return nil
}

// end ends the server with an error.
func (s *Server) end(err error) {
	select {
	case s.fatal <- err:
	default: // the server is ending
	}
}

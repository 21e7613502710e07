package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
)

// ownServer is a server in this process. Until it serves, its store is also open here: what people would have allowed
// is written there.
type ownServer struct {
	config    Config
	folder    string
	listener  net.Listener
	server    *server.Server
	db        *store.DB // nil once it serves
	integrity *library.Integrity
	state     state
	filled    bool // in this run
	stop      context.CancelFunc
	stopped   chan error
}

// openOwn starts a server and fills its database.
func openOwn(ctx context.Context, c Config, n needs, progress func(string)) (_ *ownServer, err error) {
	o := &ownServer{config: c, folder: c.Keep}
	if c.Keep == "" {
		if o.folder, err = os.MkdirTemp(c.Folder, "carrel-bench-*"); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
	} else if err := os.MkdirAll(c.Keep, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.close())
		}
	}()
	if o.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if o.state, err = readState(o.folder, c, n); err != nil {
		return nil, err
	}
	if err := o.open(ctx); err != nil {
		return nil, err
	}
	if o.state.Application == "" {
		if err := o.register(ctx); err != nil {
			return nil, err
		}
		// A new SQLite database is searched once for what was removed. That takes a moment now, and longer than a
		// server has to stop once it is full.
		if err := o.reopen(ctx); err != nil {
			return nil, err
		}
	}
	if err := o.seed(ctx, progress); err != nil {
		return nil, err
	}
	if err := o.fill(ctx, progress); err != nil {
		return nil, err
	}
	if c.Keep == "" {
		return o, nil
	}
	return o, o.state.write(o.folder)
}

func (o *ownServer) database() string {
	if o.config.Database != "" {
		return o.config.Database
	}
	return filepath.Join(o.folder, "carrel.db")
}

// open opens the server, which makes the database if there is none, and the store beside it.
func (o *ownServer) open(ctx context.Context) (err error) {
	keyring := filepath.Join(o.folder, "master.key")
	o.server, err = server.Open(ctx, server.Config{
		PublicURL: "http://" + o.listener.Addr().String(),
		Database:  o.database(),
		Blobs:     filepath.Join(o.folder, "blobs"),
		Keyring:   keyring,
		SealEach:  o.config.SealEach,
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	ring, err := seal.OpenKeyring(keyring)
	if err != nil {
		return fmt.Errorf("open master keys: %w", err)
	}
	if o.db, err = store.Open(ctx, o.database()); err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	o.integrity = library.NewIntegrity(ring, o.db, time.Now)
	o.db.SetBinder(o.integrity)
	limits := library.DefaultLimits
	limits.Tokens, limits.Sessions = 1<<30, 1<<30 // a run uses many of one grant
	o.db.SetLimits(limits)
	return nil
}

// reopen closes the server and the store, and opens them again.
func (o *ownServer) reopen(ctx context.Context) error {
	err := errors.Join(o.db.Close(), o.server.Close())
	if o.db, o.server = nil, nil; err != nil {
		return err
	}
	return o.open(ctx)
}

// serve implements [carrel]. What was filled is first moved into the database, as it is on a server that has run.
func (o *ownServer) serve(ctx context.Context) error {
	if o.filled {
		if err := o.reopen(ctx); err != nil {
			return err
		}
	}
	err := o.db.Close()
	o.db = nil
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	o.stop, o.stopped = stop, make(chan error, 1)
	go func() { o.stopped <- o.server.Serve(serving, o.listener, nil) }()
	return nil
}

// target implements [carrel].
func (o *ownServer) target() Target {
	address := o.listener.Addr().String()
	return Target{Address: address, Host: address}
}

func (o *ownServer) close() (err error) {
	if o.stop != nil {
		o.stop()
		err = <-o.stopped
	} else if o.listener != nil {
		err = o.listener.Close()
	}
	if o.db != nil {
		err = errors.Join(err, o.db.Close())
	}
	if o.server != nil {
		err = errors.Join(err, o.server.Close())
	}
	if o.config.Keep == "" {
		err = errors.Join(err, os.RemoveAll(o.folder))
	}
	return err
}

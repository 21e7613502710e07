package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// servePut is a file server that keeps what it has answered for: it writes the body of a
// PUT to a new file, syncs it, gives it its name and syncs the folder. It knows no
// clients, no signatures and no encryption, and so is what durable uploads cost at least.
func servePut(ctx context.Context, address, folder string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: putHandler(folder), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func putHandler(folder string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("PUT /{name}", func(w http.ResponseWriter, r *http.Request) {
		if err := save(folder, r.PathValue("name"), r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return mux
}

// save returns when a file and its name are on the disk.
func save(folder, name string, content io.Reader) error {
	if name != filepath.Base(name) || name == "." || name == ".." {
		return fmt.Errorf("%q is no name of a file", name)
	}
	f, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), filepath.Join(folder, name)); err != nil {
		return err
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

package server

import (
	"log/slog"
	"sync"

	"github.com/carrelhq/carrel/internal/seal"
)

// A keyringWatch looks at the keyring's file of a server that runs. The server has the keys, but could not be started
// again without the file.
type keyringWatch struct {
	keyring *seal.Keyring
	log     *slog.Logger

	mu    sync.Mutex
	fault string // what was last logged of the file; empty if nothing is wrong
}

// check returns an error if the file has other keys than those of the database. It logs a warning when the file is gone
// or cannot be used, or when others may read it, once for each change.
func (w *keyringWatch) check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	fault := ""
	if err := w.keyring.InspectFile(); err != nil {
		fault = err.Error()
	}
	switch {
	case fault == w.fault:
	case fault == "":
		w.log.Info("the file of the master keys is in order again")
	default:
		w.log.Warn("the server could not be started again with the present file of the master keys "+
			"(--master-key-file, CARREL_MASTER_KEY_FILE): put it right, or restore it from its backup. The server "+
			"goes on with the keys that it has", "error", fault)
	}
	w.fault = fault
	return w.keyring.CheckFile()
}

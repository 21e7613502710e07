package testenv

import (
	"errors"
	"syscall"
	"testing"
)

// A RestartablePostgres is a PostgreSQL server of one test, with an empty database.
type RestartablePostgres struct {
	// URL is that of the database.
	URL string

	cluster *cluster
}

// Shutdown is how a [RestartablePostgres] is stopped.
type Shutdown syscall.Signal

// The ways to stop PostgreSQL. See https://www.postgresql.org/docs/current/server-shutdown.html.
const (
	// ShutdownFast ends the connections and writes everything to disk, as a restart of the service does.
	ShutdownFast = Shutdown(syscall.SIGINT)
	// ShutdownImmediate is a crash: the next start recovers from the log.
	ShutdownImmediate = Shutdown(syscall.SIGQUIT)
)

// NewRestartablePostgres starts a server, which is stopped when the test ends. It does not sync to disk. It is another
// server than the one of [Postgres], and also starts if CARREL_TEST_POSTGRES names one.
func NewRestartablePostgres(t testing.TB) *RestartablePostgres {
	t.Helper()
	c := &cluster{fsync: "off", ownServer: true}
	t.Cleanup(func() { // after the database is dropped
		if err := c.stop(); err != nil {
			t.Errorf("stop PostgreSQL: %v", err)
		}
	})
	return &RestartablePostgres{URL: c.database(t, nil), cluster: c}
}

// Stop stops the server and waits until it has ended.
func (p *RestartablePostgres) Stop(t testing.TB, how Shutdown) {
	t.Helper()
	err := p.cluster.server.Process.Signal(syscall.Signal(how))
	if err == nil {
		err = p.cluster.server.Wait()
	}
	if err != nil && how == ShutdownFast { // after an immediate shutdown PostgreSQL may say that it has crashed
		t.Fatalf("stop PostgreSQL: %v", err)
	}
}

// Start starts the server again and waits until it answers.
func (p *RestartablePostgres) Start(t testing.TB) {
	t.Helper()
	s := p.cluster.server
	if err := p.cluster.run(s.Path, s.SysProcAttr); err != nil {
		t.Fatal(errors.Join(errors.New("start PostgreSQL again"), err))
	}
}

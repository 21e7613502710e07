package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Main runs the tests of a package, as [Run] does, and exits:
//
//	func TestMain(m *testing.M) { testenv.Main(m) }
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run runs the tests of a package, stops the PostgreSQL servers that they started, calls the functions given to
// [AtExit], and returns the exit code.
func Run(m *testing.M) int {
	mainRuns = true
	code := m.Run()
	for _, c := range clusters {
		if err := c.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping PostgreSQL:", err)
			code = max(code, 1)
		}
	}
	for _, f := range atExit {
		f()
	}
	return code
}

// atExit has the functions that [Run] calls after the tests.
var atExit []func()

// AtExit registers a function that [Run] calls after the tests of the package. It is not safe for concurrent use.
func AtExit(t testing.TB, f func()) {
	t.Helper()
	if !mainRuns {
		t.Fatal("the package's TestMain calls neither testenv.Main nor testenv.Run")
	}
	atExit = append(atExit, f)
}

// Postgres returns the URL of an empty database, which is dropped when the test ends.
//
// The first call in a test process starts a server, which listens only on a socket in a temporary folder. Later calls
// use the same server. It does not sync to disk; see [DurablePostgres].
func Postgres(t testing.TB) string {
	t.Helper()
	return fastCluster.database(t, nil)
}

// DurablePostgres is like [Postgres], on a server that syncs every commit to disk.
func DurablePostgres(t testing.TB) string {
	t.Helper()
	return durableCluster.database(t, nil)
}

var (
	mainRuns       bool // set before the tests run
	fastCluster    = &cluster{fsync: "off"}
	durableCluster = &cluster{fsync: "on"}
	clusters       = []*cluster{fastCluster, durableCluster}
)

// errNoServer says that PostgreSQL is not installed.
var errNoServer = errors.New(
	"no PostgreSQL server binaries: install Debian's package postgresql, or set " + postgresVar)

const startTimeout = 30 * time.Second

// A cluster is one PostgreSQL server. The first call of database starts it.
type cluster struct {
	fsync     string
	ownServer bool // also if the environment names a server

	once  sync.Once
	err   error    // why it could not be started
	admin *url.URL // of the database from which others are created

	server *exec.Cmd
	dir    string

	mu        sync.Mutex
	templates []string // the databases of templates
}

// database creates a database for t, a copy of a template or an empty one, and returns its URL.
func (c *cluster) database(t testing.TB, from *Template) string {
	t.Helper()
	if !mainRuns {
		t.Fatal("testenv.Postgres needs `func TestMain(m *testing.M) { testenv.Main(m) }` in this package")
	}
	c.once.Do(func() { c.err = c.start() })
	if errors.Is(c.err, errNoServer) {
		SkipOrFail(t, c.err.Error())
	}
	if c.err != nil {
		t.Fatalf("starting PostgreSQL: %v", c.err)
	}

	template := ""
	if from != nil {
		from.once.Do(func() { from.err = c.fill(from) })
		if from.err != nil {
			t.Fatalf("filling the template of databases: %v", from.err)
		}
		template = " TEMPLATE " + from.name
	}
	name := newName()
	if err := c.exec("CREATE DATABASE " + name + template); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() {
		if err := c.drop(name); err != nil {
			t.Error(err)
		}
	})
	return c.url(name)
}

func newName() string { return "carrel_test_" + strings.ToLower(rand.Text()) }

// url returns the URL of a database.
func (c *cluster) url(name string) string {
	u := *c.admin
	u.Path = "/" + name
	return u.String()
}

func (c *cluster) drop(name string) error {
	if err := c.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
		return fmt.Errorf("dropping database %s: %w", name, err)
	}
	return nil
}

// A Template is a database that is filled once in a test process. Tests get copies of it, which takes less time than to
// fill theirs.
type Template struct {
	fillAt func(url string) error

	once sync.Once
	name string
	err  error // why it could not be filled
}

// NewTemplate returns a template that fill fills when the first copy is asked for. When fill returns, nothing may be
// connected to the database any more.
func NewTemplate(fill func(url string) error) *Template { return &Template{fillAt: fill} }

// Postgres is like [Postgres], with a database that is a copy of the template.
func (x *Template) Postgres(t testing.TB) string {
	t.Helper()
	return fastCluster.database(t, x)
}

// fill makes the template's database.
func (c *cluster) fill(x *Template) error {
	x.name = newName()
	if err := c.exec("CREATE DATABASE " + x.name); err != nil {
		return err
	}
	c.mu.Lock()
	c.templates = append(c.templates, x.name)
	c.mu.Unlock()
	return x.fillAt(c.url(x.name))
}

// exec runs one statement on a new connection.
func (c *cluster) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.admin.String())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

// start creates a cluster in a new folder and starts its server. If the environment names a server, it uses that one.
func (c *cluster) start() error {
	if given := os.Getenv(postgresVar); given != "" && !c.ownServer {
		var err error
		if c.admin, err = url.Parse(given); err != nil {
			return fmt.Errorf("reading %s: %w", postgresVar, err)
		}
		return nil
	}
	bin, err := serverBinaries()
	if err != nil {
		return err
	}
	removeStaleFolders()

	// The path of a socket has at most 107 bytes, and the server's user must be able to open every folder above it.
	c.dir, err = os.MkdirTemp(c.parent(), fmt.Sprintf("%s%d-", dirPrefix, os.Getpid()))
	if err != nil {
		return err
	}
	child, err := ownChild(c.dir)
	if err != nil {
		return err
	}

	data := filepath.Join(c.dir, "d")
	initdb := exec.Command(filepath.Join(bin, "initdb"),
		"-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = c.dir, child
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}

	c.admin = &url.URL{Scheme: "postgres", User: url.User("test"), Path: "/postgres",
		RawQuery: url.Values{"host": {c.dir}}.Encode()}
	return c.run(filepath.Join(bin, "postgres"), child)
}

// run starts the server of the cluster's folder, and waits until it answers.
func (c *cluster) run(program string, child *syscall.SysProcAttr) error {
	logPath := filepath.Join(c.dir, "log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c.server = exec.Command(program,
		"-D", filepath.Join(c.dir, "d"), "-k", c.dir,
		"-c", "listen_addresses=", "-c", "fsync="+c.fsync,
		"-c", "max_connections=200", "-c", "shared_buffers=64MB")
	c.server.Dir, c.server.SysProcAttr = c.dir, child
	c.server.Stdout, c.server.Stderr = log, log
	if err := c.server.Start(); err != nil {
		return err
	}
	if err := c.await(); err != nil {
		text, _ := os.ReadFile(logPath)
		return fmt.Errorf("waiting for the server: %w\n%s", err, text)
	}
	return nil
}

// await waits until the server answers.
func (c *cluster) await() error {
	deadline := time.Now().Add(startTimeout)
	for {
		err := c.exec("SELECT 1")
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// stop stops the server, if one was started, and removes its folder. From a server that was given it removes what the
// tests have not.
func (c *cluster) stop() error {
	if c.dir == "" {
		var failed error
		for _, name := range c.templates {
			failed = errors.Join(failed, c.drop(name))
		}
		return failed
	}
	defer os.RemoveAll(c.dir)
	if c.server == nil || c.server.Process == nil {
		return nil
	}
	// SIGINT is PostgreSQL's fast shutdown, which closes the connections.
	if err := c.server.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	return c.server.Wait()
}

// serverBinaries returns the folder with initdb and postgres. If they are not in PATH, it is the folder of the newest
// version that Debian has installed.
func serverBinaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	best, bestVersion := "", 0
	for _, path := range found {
		dir := filepath.Dir(path)
		version, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err == nil && version > bestVersion {
			best, bestVersion = dir, version
		}
	}
	if best == "" {
		return "", errNoServer
	}
	return best, nil
}

const (
	shortTemp = "/tmp"
	memory    = "/dev/shm"
	dirPrefix = "carrel-pg-"
)

// memoryNeeded is how much room there has to be in memory for a server that does not sync, in bytes.
const memoryNeeded = 4 << 30

// parent returns the folder for that of the server. One that does not sync may as well be in memory: to create the
// hundreds of files of each database takes longer on disk.
func (c *cluster) parent() string {
	if c.fsync == "off" && freeSpace(memory) >= memoryNeeded {
		return memory
	}
	return shortTemp
}

// removeStaleFolders removes the folders of test processes that a panic or a timeout ended before [Main] did. Their
// servers have stopped with them.
func removeStaleFolders() {
	onDisk, _ := filepath.Glob(filepath.Join(shortTemp, dirPrefix+"*"))
	inMemory, _ := filepath.Glob(filepath.Join(memory, dirPrefix+"*"))
	for _, dir := range append(onDisk, inMemory...) {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dirPrefix), "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || alive(pid) {
			continue
		}
		_ = os.RemoveAll(dir) // another test process may be removing it too
	}
}

// alive reports whether a process with this id exists.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return err == nil || errors.Is(err, os.ErrPermission)
}

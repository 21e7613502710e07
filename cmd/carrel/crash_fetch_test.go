package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/fetch"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
)

// crashFilesVar sets the number of files that TestCrashFetch fetches; make crash sets it. Then the server is killed ten
// times.
const crashFilesVar = "CARREL_TEST_CRASH_FILES"

const (
	fetchEmail = "fetch@example.org"
	// fetchSource is the source of sample data that the flaky source gives other data for.
	fetchSource = 900101
	// maxFetchMemory is how much memory a server may use beside the pages of its program, in MiB. That of this test is
	// larger than carrel.
	maxFetchMemory = 64
)

// flakyCommand is the name of the server with a flaky source among the commands of TestMain.
const flakyCommand = "carrel-with-flaky-source"

// TestCrashFetch fetches from a source that fails a third of the time, while the server is killed again and again. Each
// file must be there once and whole, what clients are told of the fetch must be true of what is stored, and the server
// must stay small.
func TestCrashFetch(t *testing.T) {
	t.Parallel()
	bothDurableDatabases(t, crashFetch)
}

func crashFetch(t *testing.T, database string) {
	files, kills := 400, 2
	if n, err := strconv.Atoi(os.Getenv(crashFilesVar)); err == nil {
		files, kills = n, 10
	}
	f := &fetchCrasher{
		crasher: crasher{database: database, data: t.TempDir(), address: freeAddress(t)},
		files:   files, names: map[digime.FileName]bool{},
	}
	session := f.connect(t)
	for round := range kills {
		session = f.follow(t, session, (round+1)*files/(kills+1))
		f.kill(t)
		f.checkStored(t)
		f.startFlaky(t)
	}
	session = f.follow(t, session, files+1) // to the end
	f.measure(t)
	fetching, program := f.peak, f.program
	f.read(t, session)
	f.kill(t)
	f.checkStored(t)
	f.checkActivity(t)
	t.Logf("%d files, %d kills: each there once; %d attempts failed, %d fetches ended in part and were made again; "+
		"%d statuses, all true; peak memory %.1f MiB while it fetched, %.1f of them the program, and %.1f MiB while "+
		"%d at once read all of it",
		files, kills, f.failures, f.partial, f.statuses, fetching, program, f.peak, pushers)
	if f.failures == 0 {
		t.Error("the source has never failed: nothing was tested")
	}
	if took := fetching - program; took > maxFetchMemory && !hasRaceDetector() {
		t.Errorf("the server took %.1f MiB of memory beside its program, and may take %d", took, maxFetchMemory)
	}
}

// hasRaceDetector reports whether the race detector is in the program, which takes many times the memory.
func hasRaceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// fetchCrasher is a server that is killed while it fetches, and an application that follows the fetch.
type fetchCrasher struct {
	crasher
	files   int
	process *process
	user    *digime.User
	// names are the files that have been listed, state is the last one told.
	names map[digime.FileName]bool
	state digime.SessionState

	failures, partial, statuses int
	// peak is the most memory of a server, in MiB, and program what of it is pages of the program.
	peak, program float64
}

// startFlaky starts the server with the flaky source.
func (f *fetchCrasher) startFlaky(t *testing.T) {
	f.process = startCommand(t, flakyCommand, f.address, "--listen", f.address, "--data", f.data,
		"--database", f.database, "--files", strconv.Itoa(f.files))
}

// kill kills the server, and takes note of what it has used.
func (f *fetchCrasher) kill(t *testing.T) {
	f.measure(t)
	f.process.kill()
	f.failures += strings.Count(f.process.log.String(), `msg="fetch failed"`)
}

// measure takes note of the memory of the server.
func (f *fetchCrasher) measure(t *testing.T) {
	t.Helper()
	if peak := peakMemory(t, f.process); peak > f.peak {
		f.peak, f.program = peak, memoryOf(t, f.process, "RssFile:")
	}
}

// connect registers an application, and has a person connect the source for it. It returns the session of the request.
func (f *fetchCrasher) connect(t *testing.T) *digime.Session {
	t.Helper()
	f.application = addApplication(t, f.data, f.database, "Music", "--new")
	f.startFlaky(t)
	client, err := digime.New(f.application, digime.WithServer(f.process.url), digime.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	contract := addContract(t, f.data, f.database, f.application, "read", "--collected-only").parse(t, client)
	auth, err := contract.Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: crashCallback,
		SourceID: fetchSource, SampleDataSet: "default"})
	if err != nil {
		t.Fatal(err)
	}
	back, err := walkBack(t.Context(), demo.NewScriptedVisitor(fetchEmail, "correct horse battery staple"), auth)
	if err != nil {
		t.Fatal(err)
	}
	token, err := contract.Exchange(t.Context(), back)
	if err != nil {
		t.Fatal(err)
	}
	f.user = contract.User(token)
	return f.user.ResumeSession(auth.Session)
}

// follow asks for the state of the fetch until that many files are listed, or until it has completed. It returns the
// session that it asks with: a fetch that has ended in part is begun again by another one.
func (f *fetchCrasher) follow(t *testing.T, session *digime.Session, until int) *digime.Session {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	for {
		list, err := session.ListFiles(ctx)
		if err != nil {
			t.Fatalf("the state of the fetch, after %d files: %v\n%s", len(f.names), err, f.process.log)
		}
		f.note(t, list)
		switch {
		case len(f.names) >= until, list.State == digime.SessionCompleted:
			return session
		case list.State == digime.SessionPartial:
			f.partial++
			if session, err = f.user.StartSession(ctx, digime.SessionOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Duration(100+rand.N(200)) * time.Millisecond)
	}
}

// note compares a status with the files that come with it, and with what was told before.
func (f *fetchCrasher) note(t *testing.T, list digime.FileList) {
	t.Helper()
	f.statuses++
	f.state = list.State
	listed := map[digime.FileName]bool{}
	for _, entry := range list.Files {
		if listed[entry.Name] {
			t.Errorf("file %s is listed twice", entry.Name)
		}
		listed[entry.Name] = true
	}
	for name := range f.names {
		if !listed[name] {
			t.Errorf("file %s was listed before, and is not any more", name)
		}
	}
	f.names = listed
	var failed *digime.AccountError
	for _, account := range list.Accounts {
		if account.Error != nil {
			failed = account.Error
		}
	}
	switch {
	case list.State == digime.SessionCompleted && len(listed) != f.files:
		t.Errorf("the fetch is said to be completed after %d of %d files", len(listed), f.files)
	case (list.State == digime.SessionPartial) != (failed != nil):
		t.Errorf("state %s with the error %+v", list.State, failed)
	case len(listed) > f.files:
		t.Errorf("%d files of %d are listed", len(listed), f.files)
	}
	if t.Failed() {
		t.FailNow()
	}
}

// open opens the database of the server, which has ended, and finds the library.
func (f *fetchCrasher) open(t *testing.T) (*store.DB, library.ID) {
	t.Helper()
	db, err := store.Open(t.Context(), f.database)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := db.FindLibrary(t.Context(), fetchEmail)
	if err != nil {
		t.Fatal(err)
	}
	return db, owner.ID
}

// checkStored compares what is stored with what the application was told last.
func (f *fetchCrasher) checkStored(t *testing.T) {
	t.Helper()
	db, owner := f.open(t)
	defer func() { _ = db.Close() }()
	stored := map[digime.FileName]bool{}
	after := library.CollectedCursor{}
	for {
		page, cursors, err := db.ListCollected(t.Context(), owner, library.CollectedFilter{}, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range page {
			stored[digime.FileName(file.ID)] = true
		}
		if len(page) < 1000 {
			break
		}
		after = cursors[len(cursors)-1]
	}
	for name := range f.names {
		if !stored[name] {
			t.Errorf("file %s was listed, and is not stored", name)
		}
	}
	fetches, err := db.ListFetches(t.Context(), owner)
	if err != nil || len(fetches) != 1 {
		t.Fatalf("fetches %+v, %v", fetches, err)
	}
	one := fetches[0]
	switch {
	case one.State == fetch.Completed && len(stored) != f.files:
		t.Errorf("the fetch has completed after %d of %d files", len(stored), f.files)
	case f.state == digime.SessionCompleted && one.State != fetch.Completed:
		t.Errorf("the fetch was said to be completed, and is %s", one.State)
	case !one.State.Final() && one.Files > len(stored):
		t.Errorf("the fetch counts %d files, and %d are stored", one.Files, len(stored))
	}
	if t.Failed() {
		t.FailNow()
	}
}

// read reads every file, and checks that each item of the source is there once.
func (f *fetchCrasher) read(t *testing.T, session *digime.Session) {
	t.Helper()
	var mu sync.Mutex
	items := map[string]int{}
	var wait sync.WaitGroup
	free := make(chan struct{}, pushers)
	for name := range f.names {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			id, err := readItem(t.Context(), session, name)
			if err != nil {
				t.Errorf("file %s: %v", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			items[id]++
		})
	}
	wait.Wait()
	for n := range f.files {
		if items[itemID(n)] != 1 {
			t.Errorf("%s is there %d times", itemID(n), items[itemID(n)])
		}
	}
	if len(items) != f.files {
		t.Errorf("%d items, want %d", len(items), f.files)
	}
}

// readItem reads a file, and returns the id of the item in it.
func readItem(ctx context.Context, session *digime.Session, name digime.FileName) (string, error) {
	file, err := session.OpenFile(ctx, name)
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	content, err := io.ReadAll(file)
	_ = file.Close()
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	var items []flakyItem
	if err := json.Unmarshal(content, &items); err != nil || len(items) != 1 {
		return "", fmt.Errorf("%d items, %w", len(items), err)
	}
	if items[0] != newFlakyItem(items[0].Number) {
		return "", fmt.Errorf("the content of %s is torn", items[0].ID)
	}
	return items[0].ID, nil
}

// checkActivity checks that the person is told of each file once.
func (f *fetchCrasher) checkActivity(t *testing.T) {
	t.Helper()
	events := activityOf(t, f.database, fetchEmail)
	if err := library.VerifyChain(events); err != nil {
		t.Errorf("activity: %v", err)
	}
	collected := 0
	for _, e := range events {
		if e.Kind == library.EventCollected {
			collected += e.Details.Files
		}
	}
	if collected != f.files {
		t.Errorf("the activity tells of %d files that were collected, want %d", collected, f.files)
	}
}

// flakyItem is the object in a file of the flaky source.
type flakyItem struct {
	ID     string `json:"id"`
	Number int    `json:"number"`
	Text   string `json:"text"`
}

func itemID(n int) string { return fmt.Sprintf("item-%06d", n) }

func newFlakyItem(n int) flakyItem {
	return flakyItem{ID: itemID(n), Number: n, Text: strings.Repeat(itemID(n)+" ", 60)}
}

// flakySource is a source that gives its files in pages. A third of the pages break off somewhere, also before their
// first file.
type flakySource struct{ files int }

// flakyPage is how many files are on a page of the flaky source.
const flakyPage = 40

// Fetch implements [fetch.Sources]. The position is the number of the next file.
func (s flakySource) Fetch(
	ctx context.Context, account delivery.Connection, position string, yield func(fetch.Item) error,
) error {
	at := 0
	if position != "" {
		var err error
		if at, err = strconv.Atoi(position); err != nil {
			return fmt.Errorf("position %q: %w", position, err)
		}
	}
	for at < s.files {
		size := min(flakyPage, s.files-at)
		fails := rand.N(3) == 0
		if fails {
			size = rand.N(size)
		}
		for range size {
			item, err := flakyFile(account, at)
			if err == nil {
				err = yield(item)
			}
			if err != nil {
				return err
			}
			at++
		}
		if fails {
			return errors.New("the source has broken off")
		}
	}
	return ctx.Err()
}

func flakyFile(account delivery.Connection, n int) (fetch.Item, error) {
	content, err := json.Marshal([]flakyItem{newFlakyItem(n)})
	if err != nil {
		return fetch.Item{}, fmt.Errorf("encode item: %w", err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute)
	return fetch.Item{
		Key: itemID(n), Position: strconv.Itoa(n + 1), ObjectType: 406, From: at, To: at,
		Raw: wire.RawMetadata{MIMEType: "application/json", Reference: []string{itemID(n)},
			Accounts: []wire.DescriptorAccount{{AccountID: string(account.ID)}}},
		Mapped: &wire.MappedMetadata{ObjectCount: 1, ObjectType: "playhistory", ServiceGroup: "entertainment",
			ServiceName: "flaky", Schema: wire.Schema{Standard: "digime", Version: "1.0.0"}},
		Content: strings.NewReader(string(content)),
	}, nil
}

// flakyMain runs a server whose source is a flaky one, with the settings of "carrel serve" that a test needs.
func flakyMain() {
	if err := flakyServe(); err != nil {
		fmt.Fprintln(os.Stderr, "carrel:", err)
		os.Exit(1)
	}
}

func flakyServe() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var s stores
	listen := flag.String("listen", "", "address")
	flag.StringVar(&s.Data, "data", "", "data folder")
	flag.StringVar(&s.Database, "database", "", "database")
	files := flag.Int("files", 0, "number of files of the source")
	flag.Parse()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	tune(s.database())
	config := s.config()
	config.PublicURL, config.Operator = "http://"+*listen, "Crash Test"
	config.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	config.Sources = flakySource{*files}
	// A server that is killed is followed soon.
	config.Fetches = fetch.Config{RetryPause: 20 * time.Millisecond, Lease: time.Second}
	running, err := server.Open(ctx, config)
	if err != nil {
		return fmt.Errorf("open server: %w", err)
	}
	return errors.Join(running.Serve(ctx, l, nil), running.Close())
}

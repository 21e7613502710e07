package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store"
)

// crashRoundsVar sets how often the server is killed; make crash sets it.
const crashRoundsVar = "CARREL_TEST_CRASH_ROUNDS"

// crashRounds is how often the server is killed.
func crashRounds() int {
	if n, err := strconv.Atoi(os.Getenv(crashRoundsVar)); err == nil {
		return n
	}
	return 3
}

const crashCallback = "http://127.0.0.1:8095/callback"

// TestCrash kills the server under load, again and again. Every file whose push was
// answered must be there and whole; nothing that is listed may be torn; no line of the
// activity may be missing.
func TestCrash(t *testing.T) {
	t.Parallel()
	bothDurableDatabases(t, crash)
}

func crash(t *testing.T, database string) {
	rounds := crashRounds()
	c := newCrasher(t, database)
	p := c.start(t)
	for round := range rounds {
		p = c.round(t, p, round)
	}
	c.seen = map[digime.FileName]string{}
	c.read(t, true) // everything once more
	p.kill()
	c.verifyChain(t)
	t.Logf("%d kills: %d pushes answered, %d files stored, none lost, none torn", rounds, len(c.acked), len(c.seen))
	if len(c.acked) == 0 {
		t.Error("no push was answered: nothing was tested")
	}
}

// crasher is a server that is killed, one person who uses it, and the pushes that were
// answered.
type crasher struct {
	database, data, address, application string
	writer, reader                       *digime.User
	mu                                   sync.Mutex
	acked                                map[string]bool // references of pushes that were answered
	seen                                 map[digime.FileName]string
	next                                 int
}

func newCrasher(t testing.TB, database string) *crasher {
	c := &crasher{
		database: database, data: t.TempDir(), address: freeAddress(t),
		acked: map[string]bool{}, seen: map[digime.FileName]string{},
	}
	c.application = addApplication(t, c.data, database, "Crash", "--new")
	p := c.start(t)
	defer p.kill()
	client, err := digime.New(c.application, digime.WithServer(p.url), digime.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	person := demo.NewScriptedVisitor("crash@example.org", "correct horse battery staple")
	c.writer = c.consent(t, client, person, "write", digime.UserAccessToken{})
	c.reader = c.consent(t, client, person, "read", c.writer.Token())
	return c
}

func (c *crasher) start(t testing.TB) *process {
	return startServe(t, c.address, "--data", c.data, "--database", c.database, "--operator", "Crash Test")
}

func (c *crasher) consent(
	t testing.TB, client *digime.Client, person *demo.ScriptedVisitor, access string, link digime.UserAccessToken,
) *digime.User {
	t.Helper()
	return allows(t, person, addContract(t, c.data, c.database, c.application, access).parse(t, client), link)
}

// pushers is the number of concurrent pushes in a round.
const pushers = 16

// round pushes, kills the server after some of the pushes have been answered, and reads
// the new files.
func (c *crasher) round(t *testing.T, p *process, round int) *process {
	killUnderLoad(t, p, pushers, 6*pushers, 5*time.Millisecond, func(ctx context.Context, _, _ int) bool {
		return c.push(ctx, round)
	})

	p = c.start(t)
	c.read(t, false)
	return p
}

// killUnderLoad has workers make one request after the other, until one fails, and kills the server within a pause
// after some requests have been answered, most at the most. It returns when all workers have ended.
func killUnderLoad(
	t *testing.T, p *process, workers, most int, pause time.Duration,
	request func(ctx context.Context, worker, n int) bool,
) {
	t.Helper()
	var wait sync.WaitGroup
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	answered := make(chan struct{}, workers)
	for worker := range workers {
		wait.Go(func() {
			for n := 0; request(ctx, worker, n); n++ {
				select {
				case answered <- struct{}{}:
				case <-ctx.Done():
				}
			}
		})
	}
	for range 1 + rand.N(most) {
		select {
		case <-answered:
		case <-ctx.Done():
			t.Fatalf("requests are not answered any longer:\n%s", p.log)
		}
	}
	time.Sleep(rand.N(pause))
	p.kill()
	stop()
	wait.Wait()
}

// push pushes one file; it reports false once the server is gone.
func (c *crasher) push(ctx context.Context, round int) bool {
	c.mu.Lock()
	c.next++
	n := c.next
	c.mu.Unlock()
	size := 4 << 10
	switch {
	case n%64 == 0:
		size = 2 << 20
	case n%16 == 0:
		size = 200 << 10
	}
	reference := fmt.Sprintf("%d-%d-%d", round, n, size)
	err := c.writer.Push(ctx, digime.PushInput{
		Data: bytes.NewReader(contentOf(reference)), MIMEType: "application/octet-stream",
		AccountID: "crash", Reference: []string{reference},
	})
	if err != nil {
		return false
	}
	c.mu.Lock()
	c.acked[reference] = true
	c.mu.Unlock()
	return true
}

// contentOf returns the content of a reference, so that a file that is read back can be
// checked without a copy.
func contentOf(reference string) []byte {
	size, err := strconv.Atoi(reference[strings.LastIndexByte(reference, '-')+1:])
	if err != nil {
		panic(err)
	}
	var seed [32]byte
	copy(seed[:], reference)
	content := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(content)
	return content
}

// read reads the new files of the library, or all, and compares each with what was
// pushed. Every answered push must be among them.
func (c *crasher) read(t *testing.T, all bool) {
	t.Helper()
	session, err := c.reader.StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := session.ListFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	free := make(chan struct{}, pushers) // reads that run at once share the syncs of the database
	for _, entry := range list.Files {
		if c.known(entry.Name) && !all {
			continue
		}
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			reference, err := readFile(t.Context(), session, entry.Name)
			if err != nil {
				t.Errorf("file %s is listed: %v", entry.Name, err)
				return
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.seen[entry.Name] = reference
		})
	}
	wait.Wait()
	c.checkAnswered(t)
}

func (c *crasher) known(name digime.FileName) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, known := c.seen[name]
	return known
}

// readFile reads a file, compares it with what was pushed, and returns the reference of the push.
func readFile(ctx context.Context, session *digime.Session, name digime.FileName) (reference string, err error) {
	file, err := session.OpenFile(ctx, name)
	if err != nil {
		return "", fmt.Errorf("open: %w", err)
	}
	content, err := io.ReadAll(file)
	_ = file.Close()
	if err != nil {
		return "", fmt.Errorf("read: %w", err)
	}
	reference = file.Metadata.Raw.Reference[0]
	if !bytes.Equal(content, contentOf(reference)) {
		return "", fmt.Errorf("the content of %s is torn: %d bytes", reference, len(content))
	}
	return reference, nil
}

// checkAnswered checks that each push that was answered is stored once.
func (c *crasher) checkAnswered(t *testing.T) {
	t.Helper()
	stored := make(map[string]int, len(c.seen))
	for _, reference := range c.seen {
		stored[reference]++
	}
	for reference := range c.acked {
		if stored[reference] != 1 {
			t.Errorf("push %s was answered and is stored %d times", reference, stored[reference])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// verifyChain checks the activity of the library in the store.
func (c *crasher) verifyChain(t *testing.T) {
	t.Helper()
	events := activityOf(t, c.database, "crash@example.org")
	added := 0
	for _, e := range events {
		if e.Kind == library.EventFileAdded {
			added++
		}
	}
	if err := library.VerifyChain(events); err != nil {
		t.Errorf("activity: %v", err)
	}
	if added != len(c.seen) {
		t.Errorf("the activity tells of %d files, the library has %d", added, len(c.seen))
	}
}

// activityOf returns the whole activity of a library from the store, oldest first.
func activityOf(t *testing.T, database, email string) (events []library.Event) {
	t.Helper()
	db, err := store.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	l, err := db.FindLibrary(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	for before := int64(0); ; {
		page, err := db.ListEvents(t.Context(), l.ID, before, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			slices.Reverse(events)
			return events
		}
		events = append(events, page...)
		before = page[len(page)-1].Seq
	}
}

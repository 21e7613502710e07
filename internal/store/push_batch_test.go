package store_test

import (
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/library/librarytest"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
	"github.com/carrelhq/carrel/internal/testenv"
)

// TestBadPushesOfABatchFailAlone: of pushes that are one batch those are refused that have to be, whatever the reason,
// and leave nothing; all others are stored.
func TestBadPushesOfABatchFailAlone(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, newURL func(t testing.TB) string) {
		t.Parallel()
		db := open(t, newURL(t))
		f := librarytest.FixtureOf(t, db)
		client := f.AnyClient(library.Write)
		var grants []library.Grant
		for range 3 {
			g, _, _ := f.Approve(f.AnyPerson(), client)
			grants = append(grants, g)
		}
		shut := f.AnyPerson()
		inShut, _, _ := f.Approve(shut, client)
		librarytest.Must(t, db.ShutLibrary(t.Context(), shut.ID, librarytest.Later(time.Hour), shut.Login.ID,
			librarytest.AnyEvent(shut.ID)))
		person := f.AnyPerson()
		revoked, _, _ := f.Approve(person, client)
		librarytest.Must(t, db.RevokeGrant(t.Context(), person.ID, revoked.ID, librarytest.Now,
			librarytest.AnyEvent(person.ID)))
		used := librarytest.NewFile(grants[0], librarytest.Now)
		librarytest.Must(t, db.AddFile(t.Context(), used))

		const first, second = 5, 8 // the places of the two that have a nonce
		var files []library.NewFile
		var wants []error
		add := func(file library.NewFile, want error) { files, wants = append(files, file), append(wants, want) }
		add(librarytest.NewFile(inShut, librarytest.Now), library.ErrNotFound)
		for i := range 24 {
			file := librarytest.NewFile(grants[i%len(grants)], librarytest.Later(time.Duration(i)*time.Second))
			var want error
			switch i {
			case 3:
				file.Nonce, want = used.Nonce, library.ErrReplayed
			case 7:
				file.Nonce = files[first].Nonce // either may come first
			case 10:
				file.Grant, want = revoked.ID, library.ErrNotFound // and of another library
			case 13:
				file.Token, want = seal.NewSecret().Hash(), library.ErrNotFound
			case 16:
				file.Quota.Bytes, want = 1, new(library.QuotaError)
			case 19:
				file.File.ID, want = used.File.ID, library.ErrExists
			}
			add(file, want)
		}
		add(librarytest.NewFile(revoked, librarytest.Now), library.ErrNotFound)

		before := map[library.ID]int{grants[0].Library: 3, grants[1].Library: 2, grants[2].Library: 2,
			shut.ID: 3, person.ID: 3}
		good := map[library.ID]int{}
		errs := store.AddBatch(t, db, files)
		if errs[first] != nil {
			wants[first] = library.ErrReplayed
		} else {
			wants[second] = library.ErrReplayed
		}
		for i, err := range errs {
			var full *library.QuotaError
			switch {
			case errors.As(wants[i], &full) && !errors.As(err, &full), full == nil && !errors.Is(err, wants[i]):
				t.Errorf("push %d: %v, want %v", i, err, wants[i])
			case err == nil:
				good[files[i].File.Library]++
			case !errors.Is(err, library.ErrReplayed):
				if err := db.UseNonce(t.Context(), *files[i].Nonce); err != nil {
					t.Errorf("the nonce of push %d, which was refused: %v", i, err)
				}
			}
		}
		for id, n := range before {
			librarytest.Same(t, "events", len(f.Events(id)), n+good[id])
			if faults, err := db.ListUsageFaults(t.Context(), id, 10); err != nil || len(faults) > 0 {
				t.Errorf("usage: %v, %v", faults, err)
			}
		}
		for i, file := range files {
			has := librarytest.Value(db.HasFile(t.Context(), file.File.Library, file.File.ID))(t)
			if has != (errs[i] == nil) {
				t.Errorf("the file of push %d is there: %t", i, has)
			}
		}
	})
}

// batchesVar sets how many batches of pushes two servers add to the same libraries; make batches sets it.
const batchesVar = "CARREL_TEST_BATCHES"

// TestBatchesDoNotDeadlock adds batches of pushes to a PostgreSQL database from two servers at once, from two
// goroutines of each. All push into the same eight libraries, each batch in another order. Some nonces are in a batch
// of each goroutine. No transaction may end as the victim of a deadlock, and each nonce counts once.
func TestBatchesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	batches := 300
	if n, err := strconv.Atoi(os.Getenv(batchesVar)); err == nil {
		batches = n
	}
	const libraries, servers, writers, nonces = 8, 2, 2, 2
	url := testenv.Postgres(t)
	direct := carreltest.Must(sql.Open("pgx", url))(t)
	t.Cleanup(func() { _ = direct.Close() })
	lookForDeadlocks(t, direct)
	var grants []library.Grant
	var stores []*store.DB
	for range servers {
		stores = append(stores, open(t, url))
	}
	for range libraries {
		grants = append(grants, librarytest.AddGrant(t, stores[0]))
	}
	begun := time.Now()
	rounds := (batches + servers*writers - 1) / (servers * writers)
	var added, replayed atomic.Int64
	for round := range rounds {
		var shared [nonces]*library.Nonce
		for i := range shared {
			shared[i] = librarytest.NewFile(grants[0], librarytest.Now).Nonce
		}
		var wait sync.WaitGroup // all add their batch at the same time
		for i := range servers * writers {
			wait.Go(func() {
				var files []library.NewFile
				for n, of := range rand.Perm(libraries) {
					file := librarytest.NewFile(grants[of], librarytest.Later(time.Duration(round)*time.Second))
					file.Content.Inline, file.Content.Key = []byte("sealed"), seal.Sealed("key")
					if n < nonces {
						file.Nonce = shared[(n+i)%nonces] // in whichever order
					}
					files = append(files, file)
				}
				for _, err := range store.AddBatch(t, stores[i%servers], files) {
					switch {
					case err == nil:
						added.Add(1)
					case errors.Is(err, library.ErrReplayed):
						replayed.Add(1)
					default:
						t.Errorf("round %d: %v", round, err)
					}
				}
			})
		}
		wait.Wait()
	}
	all := int64(rounds * servers * writers * libraries)
	if want := int64(rounds * nonces * (servers*writers - 1)); replayed.Load() != want || added.Load() != all-want {
		t.Errorf("%d pushes were added and %d refused, want %d and %d", added.Load(), replayed.Load(), all-want, want)
	}
	for _, check := range []struct{ what, count string }{
		{"files", "SELECT COUNT(*) FROM files"},
		{"events of files, each after the one that it names", `SELECT COUNT(*) FROM events e JOIN events b
			ON b.library_id = e.library_id AND b.seq = e.seq - 1 AND b.hash = e.previous
			WHERE e.kind = 'file.added'`},
		{"counted files", "SELECT SUM(files) FROM usage"},
	} {
		var n int64
		librarytest.Must(t, direct.QueryRowContext(t.Context(), check.count).Scan(&n))
		librarytest.Same(t, check.what, n, added.Load())
	}
	deadlocks := countDeadlocks(t, direct)
	t.Logf("%d batches in %v: %d pushes added, %d refused, %d deadlocks", rounds*servers*writers,
		time.Since(begun).Round(time.Millisecond), added.Load(), replayed.Load(), deadlocks)
	if deadlocks > 0 {
		t.Errorf("%d transactions ended as victims of deadlocks", deadlocks)
	}
}

// TestDeadlocksAreCounted makes one, which countDeadlocks has to see.
func TestDeadlocksAreCounted(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	direct := carreltest.Must(sql.Open("pgx", url))(t)
	t.Cleanup(func() { _ = direct.Close() })
	lookForDeadlocks(t, direct)
	db := open(t, url)
	grants := []library.Grant{librarytest.AddGrant(t, db), librarytest.AddGrant(t, db)}
	begun := [2]chan bool{make(chan bool), make(chan bool)}
	var wait sync.WaitGroup
	for i := range begun {
		wait.Go(func() {
			tx, err := direct.BeginTx(t.Context(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = tx.Rollback() }()
			lock := func(g library.Grant) {
				_, _ = tx.ExecContext(t.Context(), "UPDATE chains SET events = events WHERE library_id = $1",
					string(g.Library))
			}
			lock(grants[i])
			close(begun[i])
			<-begun[1-i]
			lock(grants[1-i])
		})
	}
	wait.Wait()
	if n := countDeadlocks(t, direct); n != 1 {
		t.Errorf("%d deadlocks, want 1", n)
	}
}

// lookForDeadlocks makes PostgreSQL look for a deadlock as soon as a transaction waits. By itself it does so after a
// second, and pushes do not wait so long. It is for connections that are made later.
func lookForDeadlocks(t *testing.T, db *sql.DB) {
	t.Helper()
	var name string
	librarytest.Must(t, db.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name))
	if _, err := db.ExecContext(t.Context(), "ALTER DATABASE "+name+" SET deadlock_timeout = '1ms'"); err != nil {
		testenv.SkipOrFail(t, "only a superuser sets deadlock_timeout: "+err.Error())
	}
}

// countDeadlocks returns how many transactions PostgreSQL has ended for a deadlock. A connection reports what it has
// counted seconds later, or when it ends: so countDeadlocks ends all of them.
func countDeadlocks(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	db.SetMaxIdleConns(0)
	query := func(text string, into *int) {
		t.Helper()
		librarytest.Must(t, db.QueryRowContext(t.Context(), text).Scan(into))
	}
	const others = " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()" +
		" AND backend_type = 'client backend'"
	var left int
	query("SELECT COUNT(pg_terminate_backend(pid))"+others, &left)
	for deadline := time.Now().Add(10 * time.Second); left > 0; time.Sleep(20 * time.Millisecond) {
		if query("SELECT COUNT(*)"+others, &left); time.Now().After(deadline) {
			t.Fatalf("%d connections do not end", left)
		}
	}
	time.Sleep(500 * time.Millisecond) // they are not listed any more shortly before they report
	query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()", &n)
	return n
}

package testenv_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestPostgresDatabasesAreEmptyAndApart(t *testing.T) {
	one, two := testenv.Postgres(t), testenv.Postgres(t)
	for _, dsn := range []string{one, two} {
		// Both succeed only if neither sees the other's table.
		query[int](t, dsn, "CREATE TABLE t (n BIGINT)", "INSERT INTO t VALUES (1)")
		if n := query[int](t, dsn, "SELECT count(*) FROM t"); n != 1 {
			t.Errorf("the table has %d rows, want 1", n)
		}
	}
}

func TestPostgresDropsTheDatabase(t *testing.T) {
	var gone string
	t.Run("use", func(t *testing.T) { gone = testenv.Postgres(t) })
	if conn, err := pgx.Connect(context.Background(), gone); err == nil {
		conn.Close(context.Background())
		t.Errorf("the database outlived its test: %s", gone)
	}
}

func TestPostgresSync(t *testing.T) {
	if os.Getenv("CARREL_TEST_POSTGRES") != "" {
		t.Skip("CARREL_TEST_POSTGRES names a server whose settings are its owner's")
	}
	if got := query[string](t, testenv.Postgres(t), "SHOW fsync"); got != "off" {
		t.Errorf("Postgres has fsync %s, want off", got)
	}
	if got := query[string](t, testenv.DurablePostgres(t), "SHOW fsync"); got != "on" {
		t.Errorf("DurablePostgres has fsync %s, want on", got)
	}
}

// query runs the statements and returns the single value that the last one
// gives, if it gives one.
func query[T any](t *testing.T, dsn string, statements ...string) (value T) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, s := range statements {
		if !strings.HasPrefix(s, "S") {
			if _, err := conn.Exec(ctx, s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
			continue
		}
		if err := conn.QueryRow(ctx, s).Scan(&value); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return value
}

func TestChromium(t *testing.T) {
	if path := testenv.Chromium(t); !filepath.IsAbs(path) {
		t.Errorf("Chromium is at %q, want an absolute path", path)
	}
}

func TestAxe(t *testing.T) {
	if text := testenv.Axe(t); !strings.Contains(text, "axe") {
		t.Errorf("axe.min.js holds %d bytes and never says axe", len(text))
	}
}

func TestRoot(t *testing.T) {
	if _, err := os.Stat(filepath.Join(testenv.Root(t), "internal", "testenv")); err != nil {
		t.Error(err)
	}
}

func TestSharedSkips(t *testing.T) {
	t.Setenv("CARREL_TEST_NO_SKIP", "1")
	r := record(t, func(t testing.TB) { testenv.Shared(t, "no such thing") })
	if !r.skipped || r.failed {
		t.Errorf("absent reference material: skipped %v, failed %v; want a skip", r.skipped, r.failed)
	}
}

func TestSkipOrFail(t *testing.T) {
	for _, tt := range []struct {
		noSkip          string
		skipped, failed bool
	}{
		{noSkip: "", skipped: true},
		{noSkip: "0", skipped: true},
		{noSkip: "1", failed: true},
	} {
		t.Run("NO_SKIP="+tt.noSkip, func(t *testing.T) {
			t.Setenv("CARREL_TEST_NO_SKIP", tt.noSkip)
			r := record(t, func(t testing.TB) { testenv.SkipOrFail(t, "no moon tonight") })
			if r.skipped != tt.skipped || r.failed != tt.failed {
				t.Errorf("skipped %v, failed %v; want %v, %v", r.skipped, r.failed, tt.skipped, tt.failed)
			}
			if !strings.Contains(r.why, "no moon tonight") {
				t.Errorf("the reason given is %q", r.why)
			}
		})
	}
}

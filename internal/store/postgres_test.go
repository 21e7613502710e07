package store

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store/internal/query"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestUnluckyTransactionsAreRunAgain(t *testing.T) {
	db, err := Open(t.Context(), testenv.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, code := range map[string]string{"serialization failure": pgSerialization, "deadlock": pgDeadlock} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			err := db.write(t.Context(), "test", func(ctx context.Context, q *query.Queries) error {
				runs++
				// Would be there already in the third run, if the first two had left anything.
				if err := db.useNonce(ctx, q, library.Nonce{Value: code}); err != nil {
					return err
				}
				if runs < 3 {
					return &pgconn.PgError{Code: code}
				}
				return nil
			})
			if err != nil || runs != 3 {
				t.Errorf("%v after %d runs, want success after 3", err, runs)
			}
		})
	}
	t.Run("not for a unique violation", func(t *testing.T) {
		runs := 0
		err := db.write(t.Context(), "test", func(context.Context, *query.Queries) error {
			runs++
			return &pgconn.PgError{Code: pgUniqueViolation}
		})
		if !errors.Is(err, library.ErrExists) || runs != 1 {
			t.Errorf("%v after %d runs, want ErrExists after 1", err, runs)
		}
	})
}

func TestErrorsDoNotRepeatPasswords(t *testing.T) {
	for _, url := range []string{
		"postgres://carrel:secret@127.0.0.1:1/carrel?connect_timeout=1",
		"postgres://carrel:secret@127.0.0.1:1/%zz",
		"postgres://carrel:secret@127.0.0.1:bad/",
		"postgres://carrel:secret@127.0.0.1:1/?sslmode=bad",
	} {
		_, err := Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("got the error %v", err)
		}
	}
}

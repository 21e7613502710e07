package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carrelhq/carrel/internal/library"
)

// TestAvailability: what says that the database cannot be used is told from what says something about the request.
func TestAvailability(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err, want error
	}{
		{syscall.ENOSPC, library.ErrStorageFull},
		{syscall.EDQUOT, library.ErrStorageFull},
		{&pgconn.PgError{Code: "53100"}, library.ErrStorageFull},
		{&pgconn.PgError{Code: "53300"}, library.ErrUnavailable},
		{&pgconn.PgError{Code: "57P01"}, library.ErrUnavailable},
		{&pgconn.PgError{Code: "08006"}, library.ErrUnavailable},
		{&pgconn.PgError{Code: "25006"}, library.ErrUnavailable},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, library.ErrUnavailable},
		{fmt.Errorf("receive message: %w", io.ErrUnexpectedEOF), library.ErrUnavailable},
		{context.DeadlineExceeded, library.ErrUnavailable},
		{fmt.Errorf("the file was %w", errMoved), library.ErrUnavailable},
		{&pgconn.PgError{Code: "42601"}, nil}, // a syntax error
		{context.Canceled, nil},
		{errors.New("something else"), nil},
	} {
		err := wrap("test", tt.err)
		for _, meaning := range []error{library.ErrStorageFull, library.ErrUnavailable} {
			if errors.Is(err, meaning) != errors.Is(tt.want, meaning) || !errors.Is(err, tt.err) {
				t.Errorf("%v is %v: %v", tt.err, meaning, errors.Is(err, meaning))
			}
		}
	}
}

package blob

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/carrelhq/carrel/internal/library"
)

// explain adds to an error of the disk what an operator can do, and returns each other error as it is.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &unavailableError{
			fmt.Errorf("the disk of the large contents is full: free some space on it. What was not "+
				"answered was not stored (%w)", err),
			library.ErrStorageFull,
		}
	case errors.Is(err, syscall.EROFS):
		return &unavailableError{fmt.Errorf("the disk of the large contents is mounted for reading only: mount it for "+
			"writing (%w)", err), library.ErrUnavailable}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return &unavailableError{fmt.Errorf("no more files can be opened: raise the limit of open files (%w)", err),
			library.ErrUnavailable}
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE):
		return &unavailableError{fmt.Errorf("the disk of the large contents cannot be read or written (%w)", err),
			library.ErrUnavailable}
	}
	return err
}

// An unavailableError also matches an error of package library, which says what the error means for a request.
type unavailableError struct{ err, meaning error }

func (e *unavailableError) Error() string   { return e.err.Error() }
func (e *unavailableError) Unwrap() []error { return []error{e.err, e.meaning} }

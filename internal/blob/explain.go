package blob

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/carrelhq/carrel/internal/library"
)

// explain adds to an error of the disk what an operator can do, and returns each other error as it is.
func explain(err error) error {
	advice, meaning := "", library.ErrUnavailable
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		advice = "the disk of the large contents is full: free some space on it. What was not answered was not stored"
		meaning = library.ErrStorageFull
	case errors.Is(err, syscall.EROFS):
		advice = "the disk of the large contents is mounted for reading only: mount it for writing"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		advice = "no more files can be opened: raise the limit of open files"
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.ESTALE):
		advice = "the disk of the large contents cannot be read or written"
	default:
		return err
	}
	return library.WithMeaning(fmt.Errorf("%s (%w)", advice, err), meaning)
}

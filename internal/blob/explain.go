package blob

import (
	"errors"
	"fmt"
	"syscall"
)

// explain adds to an error of the disk what an operator can do, and returns each other error as it is.
func explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("the disk of the large contents is full: free some space on it. What was not answered was "+
			"not stored (%w)", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("the disk of the large contents is mounted for reading only: mount it for writing (%w)", err)
	}
	return err
}

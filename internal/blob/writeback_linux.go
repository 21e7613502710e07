package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// beginWriteBack tells the system to start writing a part of f to the disk. Errors do
// not matter, since the sync of f reports them.
func beginWriteBack(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}

package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// beginWriteBack has the system start to write a part of f to the disk. It is advice,
// no more: what makes f durable is its sync, which reports what goes wrong.
func beginWriteBack(f *os.File, offset, length int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, length, unix.SYNC_FILE_RANGE_WRITE)
}

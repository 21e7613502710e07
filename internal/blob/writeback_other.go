//go:build !linux

package blob

import "os"

// beginWriteBack does nothing, since only Linux has such a call.
func beginWriteBack(*os.File, int64, int64) {}

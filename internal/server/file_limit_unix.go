//go:build unix

package server

import (
	"math"
	"syscall"
)

// maxOpenFiles is how many files the process may open, which are also its connections; zero if there is no limit.
func maxOpenFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}

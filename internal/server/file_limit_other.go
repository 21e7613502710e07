//go:build !unix

package server

// maxOpenFiles returns zero: Windows has no limit of open files that matters.
func maxOpenFiles() int { return 0 }

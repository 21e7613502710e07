//go:build !windows && (!unix || openbsd || netbsd || solaris || illumos || aix)

package server

import "errors"

func freeSpace(string) (uint64, error) { return 0, errors.ErrUnsupported }

//go:build !linux

package testenv

import "syscall"

// ownChild returns nil for the defaults: running as root, and stopping with the tests, are supported on Linux only.
func ownChild(string) (*syscall.SysProcAttr, error) { return nil, nil }

// freeSpace returns 0: only Linux has a folder in memory.
func freeSpace(string) uint64 { return 0 }

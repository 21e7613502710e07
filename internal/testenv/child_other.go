//go:build !linux

package testenv

import "syscall"

// ownChild is of use on Linux alone; elsewhere the defaults do, and nobody
// runs tests as root.
func ownChild(string) (*syscall.SysProcAttr, error) { return nil, nil }

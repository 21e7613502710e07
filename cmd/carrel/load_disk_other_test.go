//go:build !linux

package main

import "testing"

// smallDisk skips the test.
func smallDisk(t *testing.T) string {
	t.Helper()
	t.Skip("a small disk is only mounted on Linux")
	return ""
}

//go:build !linux

package fhir

import "time"

var processStart = time.Now()

// threadTime returns the elapsed time. The processor time of a thread is measured on Linux only.
func threadTime() time.Duration { return time.Since(processStart) }

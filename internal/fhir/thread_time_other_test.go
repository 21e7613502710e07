//go:build !linux

package fhir

import "time"

var processStart = time.Now()

// threadTime is the time that has passed: only Linux is asked for the processor time of a thread.
func threadTime() time.Duration { return time.Since(processStart) }

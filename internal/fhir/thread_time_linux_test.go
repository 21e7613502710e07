package fhir

import (
	"syscall"
	"time"
)

// threadTime returns the processor time that the calling thread has used, which does not depend on other processes.
func threadTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var usage syscall.Rusage
	_ = syscall.Getrusage(thread, &usage) // it fails for unknown arguments only
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

//go:build !unix

package bench

import "time"

// cpuTime returns 0: only Unix is asked for the processor time of a process.
func cpuTime() time.Duration { return 0 }

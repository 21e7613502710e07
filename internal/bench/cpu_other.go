//go:build !unix

package bench

import "time"

// cpuTime returns 0: the processor time of a process is measured on Unix only.
func cpuTime() time.Duration { return 0 }

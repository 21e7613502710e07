package bench

import "time"

// Shorter probes: no test compares machines.
func init() { syncTime, signatureTime = 20*time.Millisecond, 10*time.Millisecond }

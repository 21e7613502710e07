package digime

import (
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// On the wire the number 0 stands for no time, as the zero time does in Go.

func timeOf(m wire.Millis) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return m.Time()
}

func millisOf(t time.Time) wire.Millis {
	if t.IsZero() {
		return 0
	}
	return wire.MillisOf(t)
}

func timeOfSeconds(s wire.Seconds) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return s.Time()
}

func secondsOf(t time.Time) wire.Seconds {
	if t.IsZero() {
		return 0
	}
	return wire.SecondsOf(t)
}

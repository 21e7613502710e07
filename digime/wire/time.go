package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Millis is a time on the wire in Unix milliseconds: timestamps of requests,
// session expiries, file dates.
type Millis int64

// Seconds is a time on the wire in Unix seconds: the expiry of tokens, iat and
// exp of cloud tokens.
type Seconds int64

// MillisOf is t in Unix milliseconds.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// SecondsOf is t in Unix seconds, rounded down.
func SecondsOf(t time.Time) Seconds { return Seconds(t.Unix()) }

// Time is m as a [time.Time] in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Time is s as a [time.Time] in UTC.
func (s Seconds) Time() time.Time { return time.Unix(int64(s), 0).UTC() }

// UnmarshalJSON takes a JSON number, with a fraction if the client's clock has
// one, and refuses text.
func (m *Millis) UnmarshalJSON(b []byte) error {
	n, err := number(b)
	*m = Millis(n)
	return err
}

// UnmarshalJSON takes a JSON number and refuses text.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	n, err := number(b)
	*s = Seconds(n)
	return err
}

func number(b []byte) (int64, error) {
	if bytes.Equal(b, []byte("null")) {
		return 0, fmt.Errorf("want a number for a time, got null")
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return 0, fmt.Errorf("want a number for a time: %w", err)
	}
	// Within this bound a float64 holds every whole number exactly, and neither a
	// difference of two times nor a time.Time overflows.
	if math.Abs(f) > 1<<53 {
		return 0, fmt.Errorf("the time %s is out of range", strconv.FormatFloat(f, 'g', -1, 64))
	}
	return int64(f), nil
}

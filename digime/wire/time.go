package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"time"
)

// Millis is a time in Unix milliseconds, the unit of most times of the protocol.
type Millis int64

// Seconds is a time in Unix seconds, the unit of the expiry of tokens and of the times of a [Scope].
type Seconds int64

// MillisOf returns t in Unix milliseconds.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// SecondsOf returns t in Unix seconds, rounded down.
func SecondsOf(t time.Time) Seconds { return Seconds(t.Unix()) }

// Time returns m as a [time.Time] in UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Time returns s as a [time.Time] in UTC.
func (s Seconds) Time() time.Time { return time.Unix(int64(s), 0).UTC() }

// UnmarshalJSON accepts a JSON number, which may have a fraction, and refuses a text.
func (m *Millis) UnmarshalJSON(b []byte) error {
	n, err := number(b)
	*m = Millis(n)
	return err
}

// UnmarshalJSON accepts a JSON number and refuses a text.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	n, err := number(b)
	*s = Seconds(n)
	return err
}

func number(b []byte) (int64, error) {
	wrong := &json.UnmarshalTypeError{Value: "null", Type: reflect.TypeFor[float64]()}
	if bytes.Equal(b, []byte("null")) {
		return 0, wrong
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return 0, err
	}
	// Within this bound a float64 represents every whole number exactly, and neither the difference of two times nor a
	// time.Time overflows.
	if math.Abs(f) > 1<<53 {
		wrong.Value = "one out of range"
		return 0, wrong
	}
	return int64(f), nil
}

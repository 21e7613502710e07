package wire

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTimeJSON(t *testing.T) {
	for text, want := range map[string]Millis{
		"1730000000123": 1730000000123, "1730000000123.456": 1730000000123, "1.730000000123e12": 1730000000123,
		"0": 0, "-5": -5, "9007199254740992": 1 << 53,
	} {
		var got Millis
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %d, error %v", text, got, err)
		}
		var seconds Seconds
		if err := json.Unmarshal([]byte(text), &seconds); err != nil || int64(seconds) != int64(want) {
			t.Errorf("%s is read as %d s, error %v", text, seconds, err)
		}
	}
	for _, text := range []string{
		`"1730000000123"`, `null`, `true`, `{}`, `[1]`, `1e300`, `-1e17`, `9223372036854775807`,
	} {
		var got Millis
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is read as %d", text, got)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 11, 24, 5, 56, 43, 425e6, time.FixedZone("", 3600))
	if got := MillisOf(at).Time(); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("milliseconds: %v", got)
	}
	if got := SecondsOf(at).Time(); !got.Equal(at.Truncate(time.Second)) || got.Location() != time.UTC {
		t.Errorf("seconds: %v", got)
	}
}

func FuzzTimeJSON(f *testing.F) {
	for _, text := range []string{"1730000000123.456", "null", `"1"`, "-0", "1e400", "9007199254740993"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var m Millis
		if json.Unmarshal(text, &m) != nil {
			return
		}
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		var again Millis
		if err := json.Unmarshal(written, &again); err != nil || again != m {
			t.Fatalf("%s is read as %d, error %v", written, again, err)
		}
		if !MillisOf(m.Time()).Time().Equal(m.Time()) || MillisOf(m.Time()) != m {
			t.Fatalf("%d does not survive time.Time", m)
		}
		var s Seconds
		if err := json.Unmarshal(text, &s); err != nil || SecondsOf(s.Time()) != s {
			t.Fatalf("%d s does not survive time.Time, error %v", s, err)
		}
	})
}

package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// toMillis returns a time as it is stored. The zero time, which means never, is stored as 0.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMillis returns the time that toMillis stored.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// validText returns s as both databases can store it: PostgreSQL refuses NUL and bytes that are
// not UTF-8. It is for texts that people and applications write.
func validText(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// encode returns v as JSON that both databases can store. It does not escape for HTML, which
// makes a text up to six times as long.
func encode(v any) (string, error) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return strings.ToValidUTF8(strings.TrimSuffix(out.String(), "\n"), "\uFFFD"), nil
}

// decode decodes the JSON of encode.
func decode(s string, into any) error {
	if err := json.Unmarshal([]byte(s), into); err != nil {
		return fmt.Errorf("decode %T: %w", into, err)
	}
	return nil
}

// convert converts rows one by one.
func convert[R, T any](rows []R, of func(R) (T, error)) ([]T, error) {
	out := make([]T, 0, len(rows))
	for _, row := range rows {
		t, err := of(row)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// millis is how a time is kept. Zero is kept as 0, which means never.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is the time that millis kept.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// text is s as both databases can hold it: PostgreSQL refuses NUL and bytes that
// are no UTF-8. It is for what people and applications write freely.
func text(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}

// encode is v as JSON that both databases can hold. Nothing is escaped for HTML: what
// is kept as it was sent would come back six times as long.
func encode(v any) (string, error) {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", fmt.Errorf("encode %T: %w", v, err)
	}
	return strings.ToValidUTF8(strings.TrimSuffix(out.String(), "\n"), "\uFFFD"), nil
}

// decode reads what encode wrote.
func decode(s string, into any) error {
	if err := json.Unmarshal([]byte(s), into); err != nil {
		return fmt.Errorf("decode %T: %w", into, err)
	}
	return nil
}

// each converts rows one by one.
func each[R, T any](rows []R, convert func(R) (T, error)) ([]T, error) {
	out := make([]T, 0, len(rows))
	for _, row := range rows {
		t, err := convert(row)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

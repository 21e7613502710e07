package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// toMillis returns a time as it is stored. The zero time, which means never, is stored as 0.
func toMillis(t time.Time) query.Number {
	if t.IsZero() {
		return 0
	}
	return query.Number(t.UnixMilli())
}

// maxMillis is the last moment of the year 9999, after which times have no text in JSON.
const maxMillis query.Number = 253402300799999

// fromMillis returns the time that toMillis stored. A number that it does not store is long ago or far in the future,
// but never no time.
func fromMillis(ms query.Number) time.Time {
	switch {
	case ms == 0:
		return time.Time{}
	case ms < 0:
		ms = query.Unreadable
	}
	return time.UnixMilli(int64(min(ms, maxMillis))).UTC()
}

// toHash returns a hash that may be missing; zero if it is, or if somebody else has put something there.
func toHash(b []byte) (h seal.Hash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
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
		return fmt.Errorf("%w: decode %T: %w", library.ErrUnreadable, into, err)
	}
	return nil
}

// decoded decodes the JSON of encode. What does not decode is the zero value: somebody else has changed the row, which
// keeps nobody from reading the rest of it.
func decoded[T any](s string) T {
	var into, zero T
	if decode(s, &into) != nil {
		return zero
	}
	return into
}

// convert converts rows one by one.
func convert[R, T any](rows []R, of func(R) T) []T {
	out := make([]T, 0, len(rows))
	for _, row := range rows {
		out = append(out, of(row))
	}
	return out
}

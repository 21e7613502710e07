package account

import (
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// formatPosition returns a position in a list that is ordered by time and id, as "<milliseconds>-<id>" for an address.
// Whoever reads it learns no more than the list says, and whoever changes it gets another part of their own list.
func formatPosition[ID ~string](at time.Time, id ID) string {
	var ms int64
	if !at.IsZero() {
		ms = at.UnixMilli()
	}
	return strconv.FormatInt(ms, 10) + "-" + string(id)
}

// parsePosition parses a position. It reports whether it is well formed.
func parsePosition(s string) (at time.Time, id string, ok bool) {
	text, id, ok := strings.Cut(s, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if !ok || err != nil || ms < 0 || ms > maxMillis || !wire.ValidName(id) {
		return time.Time{}, "", false
	}
	return time.UnixMilli(ms).UTC(), id, true
}

// maxMillis bounds the times in positions: the end of the year 9999.
const maxMillis = 253_402_300_799_999

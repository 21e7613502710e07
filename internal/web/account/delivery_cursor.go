package account

import (
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// formatCursor returns the cursor of the deliveries after d, as "<milliseconds>-<id>" for an address.
func formatCursor(d delivery.Delivery) string {
	return strconv.FormatInt(d.CreatedAt.UnixMilli(), 10) + "-" + string(d.ID)
}

// parseCursor parses a cursor. For a malformed one it returns the cursor at the newest delivery.
func parseCursor(s string) delivery.Cursor {
	at, id, ok := strings.Cut(s, "-")
	ms, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || ms <= 0 || ms > maxMillis || !wire.ValidName(id) {
		return delivery.Cursor{}
	}
	return delivery.Cursor{CreatedAt: time.UnixMilli(ms).UTC(), ID: library.DeliveryID(id)}
}

// maxMillis bounds the times in cursors: the end of the year 9999.
const maxMillis = 253_402_300_799_999

package account

import (
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// formatCursor returns the cursor of the deliveries after d.
func formatCursor(d delivery.Delivery) string { return formatPosition(d.CreatedAt, d.ID) }

// parseCursor parses a cursor. For a malformed one it returns the cursor at the newest delivery.
func parseCursor(s string) delivery.Cursor {
	at, id, ok := parsePosition(s)
	if !ok {
		return delivery.Cursor{}
	}
	return delivery.Cursor{CreatedAt: at, ID: library.DeliveryID(id)}
}

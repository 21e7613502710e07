package account

import (
	"maps"
	"slices"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// EventKinds are the kinds of events that have a text of their own.
func EventKinds() []library.EventKind { return slices.Collect(maps.Keys(eventKeys)) }

// FormatPosition and ParsePosition write and read the position in a list that an address has.
func FormatPosition(at time.Time, id string) string             { return formatPosition(at, id) }
func ParsePosition(s string) (at time.Time, id string, ok bool) { return parsePosition(s) }

// HasText reports whether a state of a delivery has a text.
func HasText(s delivery.State) bool { return deliveryStates[s].text != "" }

// ActivityLines writes events in English, each line with its day.
func ActivityLines(events []library.Event, now time.Time) []string {
	t := ui.LoadLanguages().Get("en")
	f := (&ui.UI{Config: ui.Config{Zone: time.UTC}}).Formatter(t)
	var lines []string
	for _, day := range newActivityDays(t, f, events, now) {
		for _, line := range day.Lines {
			text := day.Heading + ": "
			for _, span := range line.Text {
				text += span.Text
			}
			lines = append(lines, text)
		}
	}
	return lines
}

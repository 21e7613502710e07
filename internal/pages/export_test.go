package pages

import (
	"maps"
	"slices"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// Patterns are those of every route, for tests that look at each.
func Patterns() []string {
	var patterns []string
	for _, rt := range (&site{}).routes() {
		patterns = append(patterns, rt.pattern)
	}
	return patterns
}

// LocalPath and FormTarget are tested by themselves.
var (
	LocalPath  = localPath
	FormTarget = formTarget
)

// ToldEvents are the kinds that have a sentence.
func ToldEvents() []library.EventKind { return slices.Collect(maps.Keys(eventTexts)) }

// Tell says in English what has happened, each line with its day.
func Tell(events []library.Event, now time.Time) []string {
	s := &site{config: Config{Zone: time.UTC}}
	var lines []string
	for _, day := range s.days(loadLanguages().all[0], events, now) {
		for _, line := range day.Lines {
			text := day.Heading + ": "
			for _, p := range line.Say {
				text += p.Text
			}
			lines = append(lines, text)
		}
	}
	return lines
}

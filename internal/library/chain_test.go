package library

import (
	"encoding/hex"
	"slices"
	"testing"
	"time"
)

func chainOf(n int) []Event {
	events := make([]Event, n)
	var previous []byte
	for i := range events {
		events[i] = Event{
			Library: "lib",
			Seq:     int64(i + 1),
			At:      time.UnixMilli(1_795_000_000_000 + int64(i)),
			Kind:    EventFileAdded,
			Details: EventDetails{Application: "app", FileName: "a.json"},
		}
		events[i].Link(previous)
		previous = events[i].Hash
	}
	return events
}

func TestChainHolds(t *testing.T) {
	events := chainOf(5)
	for _, part := range [][]Event{nil, events, events[:1], events[2:]} {
		if err := VerifyChain(part); err != nil {
			t.Error(err)
		}
	}
}

// The encoding is kept in databases: this hash may never change.
func TestChainVector(t *testing.T) {
	const want = "a839f75575c5fa47752793cad1d5b60bf79263fc7a089a78f05af17bbe1ef3cb"
	if got := hex.EncodeToString(chainOf(2)[1].Hash); got != want {
		t.Errorf("the second event's hash is %s, want %s", got, want)
	}
}

func TestChainShowsEveryChange(t *testing.T) {
	for name, change := range map[string]func(events []Event) []Event{
		"library":         func(e []Event) []Event { e[2].Library = "other"; return e },
		"seq":             func(e []Event) []Event { e[2].Seq = 9; return e },
		"time":            func(e []Event) []Event { e[2].At = e[2].At.Add(time.Millisecond); return e },
		"kind":            func(e []Event) []Event { e[2].Kind = EventFileRead; return e },
		"details":         func(e []Event) []Event { e[2].Details.FileName = "b.json"; return e },
		"hash":            func(e []Event) []Event { e[2].Hash = e[1].Hash; return e },
		"previous":        func(e []Event) []Event { e[2].Previous = e[0].Hash; return e },
		"a gap":           func(e []Event) []Event { return slices.Delete(e, 2, 3) },
		"order":           func(e []Event) []Event { e[2], e[3] = e[3], e[2]; return e },
		"a new beginning": func(e []Event) []Event { e[0].Previous = e[1].Hash; return e },
		"a changed event linked anew": func(e []Event) []Event {
			e[2].Details.FileName = "b.json"
			e[2].Link(e[1].Hash)
			return e
		},
	} {
		if err := VerifyChain(change(chainOf(5))); err == nil {
			t.Errorf("a changed %s was not noticed", name)
		}
	}
}

// What a database gives back of bytes that are no UTF-8 has the same hash.
func TestChainOfTextThatIsNone(t *testing.T) {
	e := Event{Library: "lib", Seq: 1, Details: EventDetails{FileName: "\xff\x00 \\ufffd", Agent: "\u2028<"}}
	e.Link(nil)
	if e.Details.FileName != "\uFFFD\x00 \\ufffd" {
		t.Errorf("the file name is kept as %q", e.Details.FileName)
	}
	if err := VerifyChain([]Event{e}); err != nil {
		t.Error(err)
	}
}

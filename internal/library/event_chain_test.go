package library_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// chain links events one after the other.
func chain(events ...library.Event) []library.Event {
	var previous []byte
	for i := range events {
		events[i].Seq = int64(i) + 1
		events[i].Chain(previous)
		previous = events[i].Hash
	}
	return events
}

func someEvents() []library.Event {
	at := time.UnixMilli(1_795_000_000_123)
	details := library.EventDetails{
		Application:     "app1",
		ApplicationName: "Ä <b>",
		Contract:        "c1",
		Grant:           "g1",
		Access:          library.Read,
		File:            "f1",
		FileName:        "a.pdf",
		Agent:           "phone",
	}
	return chain(
		library.Event{Library: "lib", At: at, Kind: library.EventLibraryCreated},
		library.Event{Library: "lib", At: at.Add(time.Hour), Kind: library.EventAllowed, Details: details},
		library.Event{Library: "lib", At: at.Add(time.Hour), Kind: library.EventFileAdded, Details: details},
		library.Event{Library: "lib", At: at.Add(2 * time.Hour), Kind: library.EventFileRead, Details: details},
	)
}

// TestChainVector pins the hash of an event: activity that is kept must verify forever.
func TestChainVector(t *testing.T) {
	t.Parallel()
	events := someEvents()
	for i, want := range []string{
		"5fa824768cd8cdf74d1cc3ca96f1e1ae4e6b6f074828234fe6f6487af134f0ea",
		"14d0e9af72cb07a8199f23547e3d50e4db5aa19166562da098a23afd041a609a",
	} {
		if got := hex.EncodeToString(events[i].Hash); got != want {
			t.Errorf("event %d has the hash %s, want %s", i+1, got, want)
		}
	}
	if err := library.VerifyChain(events); err != nil {
		t.Error(err)
	}
}

// TestChainByTheBook computes a hash from docs/file-format.md alone.
func TestChainByTheBook(t *testing.T) {
	t.Parallel()
	events := someEvents()
	e := events[1]
	const details = `{"application":"app1","applicationName":"Ä \u003cb\u003e","contract":"c1","grant":"g1",` +
		`"access":"r","file":"f1","fileName":"a.pdf","agent":"phone"}`
	if got := string(e.Details.Marshal()); got != details {
		t.Errorf("details %s", got)
	}
	var text []byte
	part := func(s string) { text = append(binary.BigEndian.AppendUint32(text, uint32(len(s))), s...) }
	part("carrel event 1")
	part(string(events[0].Hash))
	part("lib")
	text = binary.BigEndian.AppendUint64(text, 2)
	text = binary.BigEndian.AppendUint64(text, 1_795_003_600_123)
	part("app.allowed")
	part(details)
	if sum := sha256.Sum256(text); !bytes.Equal(sum[:], e.Hash) {
		t.Errorf("hash %x, want %x", e.Hash, sum)
	}
}

// TestChainShowsChanges: whatever is done to one event, or to their order, shows.
func TestChainShowsChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(e []library.Event) []library.Event{
		"another kind": func(e []library.Event) []library.Event { e[1].Kind = library.EventDenied; return e },
		"another time": func(e []library.Event) []library.Event {
			e[1].At = e[1].At.Add(time.Millisecond)
			return e
		},
		"another file":    func(e []library.Event) []library.Event { e[2].Details.File = "f2"; return e },
		"no details":      func(e []library.Event) []library.Event { e[2].Details = library.EventDetails{}; return e },
		"another library": func(e []library.Event) []library.Event { e[2].Library = "lib2"; return e },
		"all of another": func(e []library.Event) []library.Event {
			for i := range e {
				e[i].Library = "lib2"
			}
			return e
		},
		"another hash": func(e []library.Event) []library.Event {
			e[3].Hash = bytes.Repeat([]byte{1}, 32)
			return e
		},
		"no hash":            func(e []library.Event) []library.Event { e[3].Hash = nil; return e },
		"another previous":   func(e []library.Event) []library.Event { e[2].Previous = e[0].Hash; return e },
		"a previous to none": func(e []library.Event) []library.Event { e[0].Chain(e[3].Hash); return e },
		"one left out":       func(e []library.Event) []library.Event { return slices.Delete(e, 1, 2) },
		"one left out, counted anew": func(e []library.Event) []library.Event {
			e[2].Seq = 2
			return slices.Delete(e,
				1, 2)
		},
		"one twice":   func(e []library.Event) []library.Event { return slices.Insert(e, 1, e[1]) },
		"two swapped": func(e []library.Event) []library.Event { e[1], e[2] = e[2], e[1]; return e },
		"one made anew": func(e []library.Event) []library.Event {
			e[1].Kind = library.EventDenied
			e[1].Chain(e[0].Hash)
			return e
		},
	} {
		if err := library.VerifyChain(change(someEvents())); err == nil {
			t.Errorf("%s: not seen", name)
		}
	}
	for from := range 4 { // a part of a chain verifies by itself
		if err := library.VerifyChain(someEvents()[from:]); err != nil {
			t.Errorf("from event %d: %v", from+1, err)
		}
	}
	if err := library.VerifyChain(nil); err != nil {
		t.Errorf("no events: %v", err)
	}
}

// TestChainOfAnything: events with any text verify, and no two encodings are alike.
func TestChainOfAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		text := rapid.String()
		draw := func() library.Event {
			return library.Event{
				Library: library.ID(text.Draw(r, "library")),
				Seq:     1,
				Kind:    library.EventKind(text.Draw(r, "kind")),
				At:      time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(r, "at")),
				Details: library.EventDetails{
					FileName:    text.Draw(r, "file name"),
					Application: wire.ApplicationID(text.Draw(r, "application")),
				},
			}
		}
		a, b := draw(), draw()
		a.Chain(nil)
		b.Chain(nil)
		if err := library.VerifyChain([]library.Event{a}); err != nil {
			r.Fatal(err)
		}
		same := a.Library == b.Library && a.Kind == b.Kind && a.At.Equal(b.At) &&
			reflect.DeepEqual(a.Details, b.Details)
		if bytes.Equal(a.Hash, b.Hash) != same {
			r.Fatalf("%+v and %+v: same hash %t", a, b, !same)
		}
	})
	broken := library.Event{Library: "lib", Seq: 1, Details: library.EventDetails{FileName: "a\xffb"}}
	broken.Chain(nil)
	if err := library.VerifyChain([]library.Event{broken}); err != nil || broken.Details.FileName != "a\ufffdb" {
		t.Errorf("bytes that are no text: %q, %v", broken.Details.FileName, err)
	}
}

// TestActivity shows events by pages, newest first, and they verify as they are kept.
func TestActivity(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna := w.Person("anna@example.org")
	g := anna.Allows(w.Application().Contract(library.Write))
	for range 110 {
		must(g.Pushes("a\xff file \u2028 <b>", nil))(t)
	}
	var all []library.Event
	before := int64(0)
	for page := 0; ; page++ {
		list, err := w.Activity.List(t.Context(), anna.SignedIn(), before)
		events, more := list.Events, list.More
		if err != nil || list.Fault != nil || more != (page < 2) || more && len(events) != 50 {
			t.Fatalf("page %d: %d events, more %t, %v", page, len(events), more, err)
		}
		all = append(all, events...)
		if !more {
			break
		}
		before = events[len(events)-1].Seq
	}
	slices.Reverse(all)
	if err := library.VerifyChain(all); err != nil || len(all) != 112 || all[0].Seq != 1 {
		t.Errorf("%d events, %v", len(all), err)
	}
}

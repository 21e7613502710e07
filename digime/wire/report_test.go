package wire

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"time"
)

// report writes a report and returns its text.
func report(t *testing.T, h ReportHead, collections ...ReportedCollection) string {
	t.Helper()
	var out bytes.Buffer
	w, err := NewReportWriter(&out, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range collections {
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestReportBuffered: a caller's buffer is written on when it is full, and not after each element.
func TestReportBuffered(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	buffer := bufio.NewWriterSize(&out, 32<<10)
	w, err := NewReportWriter(buffer, ReportHead{Participant: "library.example"})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(w.Add(ReportedCollection{Provider: "De Linde"}), w.Close())
	if err != nil || out.Len() > 0 || buffer.Buffered() == 0 {
		t.Errorf("%v; %d bytes are written on and %d are in the buffer", err, out.Len(), buffer.Buffered())
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 11, 42, 0, 123_456_789, time.FixedZone("CET", 3600))
	got := report(t, ReportHead{CreatedAt: at, Participant: "library.example", From: time.Unix(1700000000, 0)},
		ReportedCollection{Provider: "De Linde", Service: 49, At: at})
	want := `<?xml version="1.0" encoding="UTF-8"?>
<Portabiliteitsrapport xmlns="xmlns://afsprakenstelsel.medmij.nl/portabiliteitsrapport/release1/">
  <Tijdstempel>2026-11-24T10:42:00.123Z</Tijdstempel>
  <Deelnemer>library.example</Deelnemer>
  <Vanaf>2023-11-14T22:13:20Z</Vanaf>
  <Verzamelingen>
    <Verzameling>
      <Zorgaanbiedernaam>De Linde</Zorgaanbiedernaam>
      <GegevensdienstId>49</GegevensdienstId>
      <Tijdstempel>2026-11-24T10:42:00.123Z</Tijdstempel>
    </Verzameling>
  </Verzamelingen>
</Portabiliteitsrapport>`
	if got != want {
		t.Errorf("report\n%s\nwant\n%s", got, want)
	}
	empty := report(t, ReportHead{CreatedAt: at, Participant: "a"})
	if !strings.Contains(empty, "<Verzamelingen></Verzamelingen>") || strings.Contains(empty, "Tot") {
		t.Errorf("an empty report\n%s", empty)
	}
}

// A report stays well-formed whatever the names are, and no name becomes an element.
func TestReportOfOddNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", " ", `<Verzameling>`, "]]>", `"'&amp;&`, "a\r\nb\tc", "\x00\x01\x1f\x7f", "\xff\xfe", "\ufffe\uffff",
		"Zoë 🏥 \u202e", "<?xml?>", "<!--", strings.Repeat("<", 10_000),
	} {
		text := report(t, ReportHead{CreatedAt: time.Unix(1, 0), Participant: name},
			ReportedCollection{Provider: name, Service: 1, At: time.Unix(2, 0)})
		var got struct {
			XMLName     xml.Name
			Participant string `xml:"Deelnemer"`
			Collections []struct {
				Provider string `xml:"Zorgaanbiedernaam"`
				Service  int    `xml:"GegevensdienstId"`
			} `xml:"Verzamelingen>Verzameling"`
		}
		if err := xml.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("%.20q: %v", name, err)
			continue
		}
		if got.XMLName.Space != ReportNamespace || len(got.Collections) != 1 || got.Collections[0].Service != 1 {
			t.Errorf("%.20q: %+v", name, got)
		}
		want := strings.Map(func(r rune) rune { // what XML 1.0 does not know
			if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
				return '\ufffd'
			}
			return r
		}, string([]rune(name)))
		if got.Participant != want || got.Collections[0].Provider != want {
			t.Errorf("%q: got %q, want %q", name, got.Collections[0].Provider, want)
		}
	}
}

var errFull = errors.New("full")

// full takes so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// An error of what a report is written to is not lost.
func TestReportBrokenOff(t *testing.T) {
	t.Parallel()
	for room := full(0); room < 200; room += 40 {
		left := room
		w, err := NewReportWriter(&left, ReportHead{CreatedAt: time.Unix(1, 0)})
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Errorf("room for %d bytes: error %v", room, err)
		}
	}
}

package wire

import (
	"encoding/xml"
	"fmt"
	"io"
	"time"
)

// ReportNamespace is the namespace of a portability report. MedMij's own schema is not public: it is built as those of
// its lists are.
const ReportNamespace = "xmlns://afsprakenstelsel.medmij.nl/portabiliteitsrapport/release1/"

// The elements of a portability report, each in one place, so that they can be replaced by those of MedMij.
const (
	reportRoot        = "Portabiliteitsrapport"
	reportTime        = "Tijdstempel"
	reportParticipant = "Deelnemer"
	reportFrom        = "Vanaf"
	reportTo          = "Tot"
	reportCollections = "Verzamelingen"
	reportCollection  = "Verzameling"
	reportProvider    = "Zorgaanbiedernaam"
	reportService     = "GegevensdienstId"
)

// ReportHead is the beginning of a portability report.
type ReportHead struct {
	// CreatedAt is when the report was made.
	CreatedAt time.Time
	// Participant is the host of the server.
	Participant string
	// From and To are the period that was asked for; zero for no limit.
	From, To time.Time
}

// ReportedCollection says that something was collected. Of what it was the report says no more than the service.
type ReportedCollection struct {
	// Provider is the name of the source.
	Provider string
	// Service is the id of the type of the service, as in a scope.
	Service int
	// At is when the fetch was added that has collected it.
	At time.Time
}

// ReportWriter writes a portability report, of which it keeps nothing.
type ReportWriter struct{ out *xml.Encoder }

// NewReportWriter writes the beginning of a report.
func NewReportWriter(w io.Writer, h ReportHead) (*ReportWriter, error) {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return nil, fmt.Errorf("begin report: %w", err)
	}
	// The encoder would make a bufio.Writer its own, and flush it after each element.
	r := &ReportWriter{xml.NewEncoder(struct{ io.Writer }{w})}
	r.out.Indent("", "  ")
	root := named(reportRoot)
	root.Name.Space = ReportNamespace
	err := r.out.EncodeToken(root)
	for _, e := range []struct {
		name, text string
	}{
		{reportTime, reportedTime(h.CreatedAt)},
		{reportParticipant, h.Participant},
		{reportFrom, reportedTime(h.From)},
		{reportTo, reportedTime(h.To)},
	} {
		if err == nil && e.text != "" {
			err = r.out.EncodeElement(e.text, named(e.name))
		}
	}
	if err == nil {
		err = r.out.EncodeToken(named(reportCollections))
	}
	if err != nil {
		return nil, fmt.Errorf("begin report: %w", err)
	}
	return r, nil
}

// Add writes that something was collected. A name may have any characters: those that XML does not know are replaced.
func (r *ReportWriter) Add(c ReportedCollection) error {
	start := named(reportCollection)
	err := r.out.EncodeToken(start)
	for _, e := range []struct {
		name string
		v    any
	}{
		{reportProvider, c.Provider}, {reportService, c.Service}, {reportTime, reportedTime(c.At)},
	} {
		if err == nil {
			err = r.out.EncodeElement(e.v, named(e.name))
		}
	}
	if err == nil {
		err = r.out.EncodeToken(start.End())
	}
	if err != nil {
		return fmt.Errorf("add to report: %w", err)
	}
	return nil
}

// Close writes the end of the report. It does not close what the report is written to.
func (r *ReportWriter) Close() error {
	root := named(reportRoot)
	root.Name.Space = ReportNamespace
	err := r.out.EncodeToken(named(reportCollections).End())
	if err == nil {
		err = r.out.EncodeToken(root.End())
	}
	if err == nil {
		err = r.out.Close()
	}
	if err != nil {
		return fmt.Errorf("end report: %w", err)
	}
	return nil
}

func named(element string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: element}} }

// reportedTime returns a time as XML Schema has it, to the millisecond; empty for the zero time.
func reportedTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano)
}

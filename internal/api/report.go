package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// report writes what was collected for the application when, in the layout of MedMij's portability report. It writes
// the report while it reads what was collected.
func (a *api) report(w http.ResponseWriter, r *http.Request, b *library.Bearer) error {
	if r.PathValue("service") != reportService {
		return notFound("Service")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return wire.Validation("the query").Because(err)
	}
	period, err := reportPeriod(query)
	if err != nil {
		return err
	}
	report, err := a.Files.NewReport(b, period)
	if err != nil {
		return err
	}
	public, err := url.Parse(a.PublicURL)
	if err != nil {
		return fmt.Errorf("read the public URL: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Cache-Control", "no-store")
	out := bufio.NewWriterSize(w, 32<<10)
	err = a.send(r, b, func(ctx context.Context) error {
		if err := writeReport(ctx, out, report, public.Hostname()); err != nil {
			return err
		}
		return out.Flush()
	})
	return brokenOff(w, err)
}

// writeReport writes a report. A collection of several types is in it once.
func writeReport(ctx context.Context, out io.Writer, of *library.Report, participant string) error {
	report, err := wire.NewReportWriter(out, wire.ReportHead{CreatedAt: of.CreatedAt, Participant: participant,
		From: of.Period.From, To: of.Period.To})
	if err != nil {
		return err
	}
	var last library.Collection
	err = of.Each(ctx, func(c library.Collection) error {
		if c.Account == last.Account && c.At.Equal(last.At) && c.Service == last.Service {
			return nil
		}
		last = c
		return report.Add(wire.ReportedCollection{Provider: c.Provider, Service: c.Service, At: c.At})
	})
	if err != nil {
		return err
	}
	return report.Close()
}

const (
	// reportService and reportFormat are the only ones that there are.
	reportService = "medmij"
	reportFormat  = "xml"
	// absentTime is what the Node client sends if its caller gives no time.
	absentTime = "undefined"
	// maxReportTime is the last second that a report can have: that of the year 9999.
	maxReportTime = 253402300799
)

// reportPeriod reads the parameters of a report. None may be there twice. A time may have a fraction, as iOS sends it;
// one before 1970 stands for 1970.
func reportPeriod(query url.Values) (p library.ReportPeriod, err error) {
	for _, name := range []string{"format", "from", "to"} {
		if len(query[name]) > 1 {
			return p, wire.Validation(name)
		}
	}
	if query.Has("format") && query.Get("format") != reportFormat {
		return p, wire.Validation("format")
	}
	if p.From, err = reportTime("from", query.Get("from")); err != nil {
		return p, err
	}
	if p.To, err = reportTime("to", query.Get("to")); err != nil {
		return p, err
	}
	if !p.From.IsZero() && !p.To.IsZero() && p.To.Before(p.From) {
		return p, wire.Validation("from is after to")
	}
	return p, nil
}

var decimal = regexp.MustCompile(`^(-?[0-9]{1,15})(?:\.([0-9]{1,15}))?$`)

func reportTime(name, text string) (time.Time, error) {
	if text == "" || text == absentTime {
		return time.Time{}, nil
	}
	parts := decimal.FindStringSubmatch(text)
	if parts == nil {
		return time.Time{}, wire.Validation(name)
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return time.Time{}, wire.Validation(name).Because(err)
	}
	millis, err := strconv.ParseInt((parts[2] + "000")[:3], 10, 64)
	switch {
	case err != nil:
		return time.Time{}, wire.Validation(name).Because(err)
	case parts[1][0] == '-':
		seconds, millis = 0, 0
	case seconds > maxReportTime:
		seconds, millis = maxReportTime, 999
	}
	return time.UnixMilli(seconds*1000 + millis).UTC(), nil
}

package digime

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// PortabilityReportOptions say which period a report is about. Both ends are part of it.
type PortabilityReportOptions struct {
	// From is the beginning of the period; zero for no limit.
	From time.Time
	// To is the end of the period; zero for no limit.
	To time.Time
}

// A PortabilityReport reads a portability report, which is XML. [ErrTruncated] says that the bytes read so far are not
// the whole report. The caller must close it.
type PortabilityReport struct {
	content *bufio.Reader
	body    io.Closer
}

// OpenPortabilityReport opens the report of what was collected for the application from which source when, with which a
// person can have the same collected elsewhere. It has no content of a file. The contract has to allow to read. The
// layout is that of the server; Carrel's is in its docs/portability-report.xsd.
func (u *User) OpenPortabilityReport(ctx context.Context, o PortabilityReportOptions) (*PortabilityReport, error) {
	var report *PortabilityReport
	err := o.check()
	if err == nil {
		const pattern = "export/medmij/report"
		query := "?format=xml&from=" + reportTime(o.From) + "&to=" + reportTime(o.To)
		err = u.do(ctx, call{
			method: http.MethodGet, path: route{pattern, pattern + query},
			header: map[string]string{"Accept": "application/octet-stream"},
		}, func(resp *http.Response) (err error) {
			report, err = newPortabilityReport(resp)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("open portability report: %w", err)
	}
	return report, nil
}

func (o PortabilityReportOptions) check() error {
	if !o.From.IsZero() && !o.To.IsZero() && o.To.Before(o.From) {
		return invalid("the period ends before it begins")
	}
	return nil
}

// reportTime writes a time as the mobile SDKs do, in seconds, with a fraction if it has one. No time is the word that
// the Node SDK sends.
func reportTime(t time.Time) string {
	millis := t.UnixMilli()
	switch {
	case t.IsZero():
		return "undefined"
	case millis%1000 == 0:
		return strconv.FormatInt(millis/1000, 10)
	}
	return strconv.FormatFloat(float64(millis)/1000, 'f', 3, 64)
}

// reportHead is how much of a report is looked at before it is given to the caller.
const reportHead = 512

// newPortabilityReport returns the report of a response and takes over its body.
func newPortabilityReport(resp *http.Response) (*PortabilityReport, error) {
	report := &PortabilityReport{content: bufio.NewReaderSize(resp.Body, readAhead), body: resp.Body}
	head, err := report.content.Peek(reportHead)
	switch kind := resp.Header.Get("Content-Type"); {
	case err != nil && !errors.Is(err, io.EOF):
		err = bodyError(resp, err)
	case isPage(kind):
		err = pageError(kind)
	case !beginsReport(head):
		err = fmt.Errorf("%w: it is no XML, or a page", ErrInvalidResponse)
	default:
		return report, nil
	}
	_ = resp.Body.Close() // nothing was read
	return nil, err
}

// beginsReport reports whether a text begins as XML whose root is not that of a page.
func beginsReport(head []byte) bool {
	in := xml.NewDecoder(bytes.NewReader(head))
	in.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		token, err := in.RawToken()
		if err != nil {
			return false
		}
		switch token := token.(type) {
		case xml.StartElement:
			return !strings.EqualFold(token.Name.Local, "html")
		case xml.CharData:
			if len(bytes.Trim(token, " \t\r\n\ufeff")) > 0 {
				return false
			}
		}
	}
}

// Read reads the report.
func (r *PortabilityReport) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	return n, reportError(err)
}

// WriteTo writes the rest of the report to w. [io.Copy] uses it.
func (r *PortabilityReport) WriteTo(w io.Writer) (int64, error) {
	n, err := r.content.WriteTo(w)
	return n, reportError(err)
}

// Close ends the transfer. The report need not have been read.
func (r *PortabilityReport) Close() error { return r.body.Close() }

// reportError adds [ErrTruncated] to the error that says so.
func reportError(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("portability report: %w: %w", ErrTruncated, err)
	}
	return fmt.Errorf("portability report: %w", err)
}

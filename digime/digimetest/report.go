package digimetest

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Collection is a line of the portability report: that something was collected from a source.
type Collection struct {
	// Provider is the name of the source.
	Provider string
	// ServiceID identifies the type of its service.
	ServiceID int
	// At is when it was collected.
	At time.Time
}

// SetCollections replaces what the portability report says was collected, in this order. At first that is nothing.
func (l *Library) SetCollections(collections ...Collection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.collected = append([]Collection(nil), collections...)
}

// portabilityReport answers with what was collected in the period.
func (l *Library) portabilityReport(w http.ResponseWriter, r *http.Request, c caller) error {
	query := r.URL.Query()
	from, ok := reportTime(query, "from")
	to, okToo := reportTime(query, "to")
	switch {
	case c.contract.ID != l.ReadContract.ID:
		return insufficientScope()
	case query.Get("format") != "xml":
		return validation("format")
	case !ok:
		return validation("from")
	case !okToo:
		return validation("to")
	}
	server, err := url.Parse(l.URL)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/xml")
	report, err := wire.NewReportWriter(w, wire.ReportHead{
		CreatedAt: time.Now(), Participant: server.Hostname(), From: from, To: to,
	})
	l.mu.Lock()
	collected := l.collected
	l.mu.Unlock()
	for _, one := range collected {
		outside := !from.IsZero() && one.At.Before(from) || !to.IsZero() && one.At.After(to)
		if err == nil && !outside {
			err = report.Add(wire.ReportedCollection{Provider: one.Provider, Service: one.ServiceID, At: one.At})
		}
	}
	if err == nil {
		err = report.Close()
	}
	if err != nil {
		panic(http.ErrAbortHandler) // the client has gone, or the answer must not look complete
	}
	return nil
}

// reportTime returns a parameter of the report's query; zero for no time.
func reportTime(query url.Values, name string) (time.Time, bool) {
	text := query.Get(name)
	if text == "" || text == "undefined" {
		return time.Time{}, true
	}
	seconds, err := strconv.ParseFloat(text, 64)
	return time.UnixMilli(int64(seconds * 1000)), err == nil
}

package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// activityPage tells what has happened, a section for each day.
type activityPage struct {
	*view
	Days []activityDay
	// Older is the address of what came before; empty if there is nothing.
	Older string
}

type activityDay struct {
	Heading string
	Lines   []activityLine
}

// activityLine is one sentence. Seq is that of the newest event it tells of.
type activityLine struct {
	Seq int64
	At  marked
	Say []piece

	day   string
	event library.Event
	reads int // how many reads it stands for
}

// Clock is the time of day, Datetime the machine's form of it.
func (l activityLine) Clock() string    { return l.At.Text }
func (l activityLine) Datetime() string { return l.At.Datetime }

func (s *site) showActivity(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0 // from the newest
	}
	events, more, err := s.activity.List(r.Context(), in, before)
	if err != nil {
		return err
	}
	t := visitOf(r).texts
	p := &activityPage{view: s.newDesk(w, r, "activity", t.text("activity.h1"))}
	p.Days = s.days(t, events, s.config.Now())
	if more {
		p.Older = "/activity?" + url.Values{"before": {strconv.FormatInt(events[len(events)-1].Seq, 10)}}.Encode()
	}
	return s.render(w, http.StatusOK, "activity", p)
}

// days makes sentences of events, newest first. Reads of one application that follow
// one another become one sentence.
func (s *site) days(t *texts, events []library.Event, now time.Time) []activityDay {
	f := formatter{t, s.config.Zone}
	var lines []activityLine
	for _, e := range events {
		at := e.At.In(s.config.Zone)
		line := activityLine{Seq: e.Seq, event: e, reads: 1, day: f.heading(e.At, now),
			At: marked{f.clock(e.At), mark{Datetime: at.Format("2006-01-02T15:04Z07:00")}}}
		if last := len(lines) - 1; last >= 0 && lines[last].joins(line) {
			lines[last].reads++
			continue
		}
		lines = append(lines, line)
	}
	var days []activityDay
	for _, line := range lines {
		line.Say = t.event(line.event, line.reads)
		if last := len(days) - 1; last < 0 || days[last].Heading != line.day {
			days = append(days, activityDay{Heading: line.day})
		}
		day := &days[len(days)-1]
		day.Lines = append(day.Lines, line)
	}
	return days
}

func (l activityLine) joins(other activityLine) bool {
	return l.event.Kind == library.EventFileRead && other.event.Kind == library.EventFileRead &&
		l.event.Details.Application == other.event.Details.Application && l.day == other.day
}

// eventTexts are the sentences. A kind that is not here is told of in general
// words, so that nothing goes untold.
var eventTexts = map[library.EventKind]string{
	library.EventLibraryCreated:  "event.you.created",
	library.EventSignedIn:        "event.you.signed_in",
	library.EventWrongPassword:   "event.you.wrong",
	library.EventRecovered:       "event.you.recovered",
	library.EventPasswordChanged: "event.you.password",
	library.EventCodeMade:        "event.you.code",
	library.EventShut:            "event.you.shut",
	library.EventReopened:        "event.you.reopened",
	library.EventAllowed:         "event.app.allowed",
	library.EventRenewed:         "event.app.renewed",
	library.EventDenied:          "event.app.denied",
	library.EventStopped:         "event.app.stopped",
	library.EventCodeReused:      "event.app.code_reused",
	library.EventFileAdded:       "event.file.added",
	library.EventFileRead:        "event.file.read_one",
	library.EventFileDownloaded:  "event.file.downloaded",
	library.EventConnected:       "event.account.connected",
	library.EventNotConnected:    "event.account.refused",
	library.EventAccountEnded:    "event.account.ended",
	library.EventDisconnected:    "event.account.removed",
	library.EventSentAccepted:    "event.sent.accepted",
	library.EventSentRefused:     "event.sent.refused",
	library.EventSentUnknown:     "event.sent.unknown",
	library.EventSentGivenUp:     "event.sent.given_up",
}

var deviceTexts = map[string]string{
	agentPhone:    "event.device.phone",
	agentTablet:   "event.device.tablet",
	agentComputer: "event.device.computer",
}

// event is the sentence for an event; reads is how many it stands for.
func (t *texts) event(e library.Event, reads int) []piece {
	d := e.Details
	key, ok := eventTexts[e.Kind]
	switch {
	case !ok:
		key = "event.other"
	case reads > 1:
		key = "event.file.read_many"
	case e.Kind == library.EventDisconnected && d.Contract != "":
		key = "event.account.removed_app" // by the application, not by the person
	}
	what := t.text("event.what.read")
	switch {
	case e.Kind == library.EventSentGivenUp:
		sent := resourceWords(d.Types)
		what, key = capital(t.what(sent)), plural(key, numberOf(sent))
	case len(d.Types) > 0:
		what = t.what(resourceWords(d.Types))
	case d.Access == library.Write && d.Provider != "":
		what = t.text("event.what.push", "provider", quote(d.Provider))
	case d.Access == library.Write:
		what = t.text("event.what.write")
	}
	device, ok := deviceTexts[d.Agent]
	if !ok {
		device = "event.device.other"
	}
	file := quote(d.FileName)
	if file == "" {
		file = t.text("event.file.unnamed")
	}
	return t.say(key,
		"app", marked{quote(d.ApplicationName), mark{Bold: true}},
		"file", file,
		"link", marked{"", mark{Href: "/files/" + url.PathEscape(string(d.File))}},
		"n", reads,
		"what", what,
		"provider", marked{quote(d.Provider), mark{Bold: true}},
		"device", t.text(device))
}

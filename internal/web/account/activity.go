package account

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// Activity is the page of what has happened in a library.
type Activity struct {
	ui       *ui.UI
	activity *library.Activity
}

// activityPage is the data of the page, a section for each day.
type activityPage struct {
	*ui.Page
	Days []activityDay
	// OlderURL is where older events are; empty if there are none.
	OlderURL string
	// Broken says that somebody else has changed the activity.
	Broken bool
}

type activityDay struct {
	Heading string
	Lines   []activityLine
}

// activityLine is one sentence.
type activityLine struct {
	// Seq is the number of the newest event that the sentence is about.
	Seq   int64
	Clock ui.Value
	Text  []ui.Span

	day   string
	event library.Event
	reads int // how many reads the sentence is about
}

// List lists the events, newest first.
func (h *Activity) List(w http.ResponseWriter, r *http.Request, in *library.SignedIn) error {
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if err != nil || before < 0 {
		before = 0 // from the newest
	}
	list, err := h.activity.List(r.Context(), in, before)
	if err != nil {
		return err
	}
	if list.Fault != nil {
		h.ui.Log.ErrorContext(r.Context(), "activity has been tampered with", "error", list.Fault)
	}
	t := ui.BrowserOf(r).Texts
	for i := range list.Events {
		provider := &list.Events[i].Details.Provider
		*provider = h.ui.SourceName(t, 0, *provider)
	}
	p := &activityPage{Page: newAccountPage(h.ui, w, r, menuActivity, t.Text("activity.h1"))}
	p.Days, p.Broken = newActivityDays(t, h.ui.Formatter(t), list.Events, h.ui.Now()), list.Fault != nil
	if list.More {
		last := strconv.FormatInt(list.Events[len(list.Events)-1].Seq, 10)
		p.OlderURL = "/activity?" + url.Values{"before": {last}}.Encode()
	}
	return h.ui.Render(w, http.StatusOK, "activity", p)
}

// newActivityDays writes a sentence for each event. Reads by one application that follow one another on the same day
// become one sentence.
func newActivityDays(t *ui.Texts, f ui.Formatter, events []library.Event, now time.Time) []activityDay {
	var lines []activityLine
	for _, e := range events {
		line := activityLine{Seq: e.Seq, Clock: f.Clock(e.At), event: e, reads: 1, day: f.DayHeading(e.At, now)}
		if last := len(lines) - 1; last >= 0 && lines[last].joins(line) {
			lines[last].reads++
			continue
		}
		lines = append(lines, line)
	}
	var days []activityDay
	for _, line := range lines {
		line.Text = eventText(t, line.event, line.reads)
		if last := len(days) - 1; last < 0 || days[last].Heading != line.day {
			days = append(days, activityDay{Heading: line.day})
		}
		day := &days[len(days)-1]
		day.Lines = append(day.Lines, line)
	}
	return days
}

// joins reports whether two reads become one sentence.
func (l activityLine) joins(other activityLine) bool {
	return l.event.Kind == library.EventFileRead && other.event.Kind == library.EventFileRead &&
		l.event.Details.Application == other.event.Details.Application && l.day == other.day
}

// eventKeys are the texts of events. An event of another kind gets a general text, so that none is left out.
var eventKeys = map[library.EventKind]string{
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
	library.EventStoppedAll:      "event.app.stopped_all",
	library.EventLeft:            "event.app.left",
	library.EventShutByApp:       "event.app.shut",
	library.EventCodeReused:      "event.app.code_reused",
	library.EventCodeRevoked:     "event.app.code_revoked",
	library.EventFileAdded:       "event.file.added",
	library.EventFileImported:    "event.file.imported",
	library.EventFileRead:        "event.file.read_one",
	library.EventFileDownloaded:  "event.file.downloaded",
	library.EventNoRoom:          "event.file.no_room",
	library.EventConnected:       "event.account.connected",
	library.EventNotConnected:    "event.account.refused",
	library.EventAccountEnded:    "event.account.ended",
	library.EventDisconnected:    "event.account.removed",
	library.EventNotAllowed:      "event.account.dropped",
	library.EventCollected:       "event.account.collected",
	library.EventSentAccepted:    "event.sent.accepted",
	library.EventSentRefused:     "event.sent.refused",
	library.EventSentUnknown:     "event.sent.unknown",
	library.EventSentGivenUp:     "event.sent.given_up",
	library.EventTampered:        "event.library.tampered",

	library.EventStorageConnected:    "event.storage.connected",
	library.EventStorageDeleted:      "event.storage.deleted",
	library.EventStorageDeletedByApp: "event.storage.deleted_by_app",
}

var deviceKeys = map[string]string{
	ui.DevicePhone:    "event.device.phone",
	ui.DeviceTablet:   "event.device.tablet",
	ui.DeviceComputer: "event.device.computer",
}

// eventText is the sentence for an event, or for several reads.
func eventText(t *ui.Texts, event library.Event, reads int) []ui.Span {
	details := event.Details
	key, ok := eventKeys[event.Kind]
	switch {
	case !ok:
		key = "event.other"
	case reads > 1:
		key = "event.file.read_many"
	case event.Kind == library.EventCollected:
		return t.CountSpans(key, details.Files, "provider", ui.Bold(ui.CleanText(details.Provider)))
	case event.Kind == library.EventDisconnected && details.Contract != "":
		key = "event.account.removed_app" // by the application, not by the person
	case event.Kind == library.EventNoRoom && details.Quota != library.LibraryQuota:
		key = "event.file.no_room_app" // the application's own room, in all libraries
	case event.Kind == library.EventTampered && details.File != "":
		key = "event.library.tampered_file"
	}
	what := t.Text("event.what.read")
	switch sent := ui.ResourceDataTypes(details.Types); {
	case event.Kind == library.EventSentGivenUp:
		what, key = ui.Capitalize(sent.In(t)), sent.Plural(key)
	case len(details.Types) > 0:
		what = sent.In(t)
	case details.Access == library.Write && details.Provider != "":
		what = t.Text("event.what.push", "provider", ui.CleanText(details.Provider))
	case details.Access == library.Write:
		what = t.Text("event.what.write")
	}
	device, ok := deviceKeys[details.Agent]
	if !ok {
		device = "event.device.other"
	}
	file := ui.CleanText(details.FileName)
	if file == "" {
		file = t.Text("event.file.unnamed")
	}
	return t.Spans(key,
		"app", ui.Bold(ui.CleanText(details.ApplicationName)),
		"file", file,
		"link", ui.Link("/files/"+url.PathEscape(string(details.File)), ""),
		"n", reads,
		"what", what,
		"provider", ui.Bold(ui.CleanText(details.Provider)),
		"device", t.Text(device))
}

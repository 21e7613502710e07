package account_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/account"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestActivity(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	clinic := w.Register("Demo <Clinic>")
	b := w.NewBrowser()
	b.Header.Set("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile")
	callback := b.CreateLibrary(clinic.AuthorizeURL(webtest.WebCallback), webtest.Anna).Click("allow").Callback()
	descriptor := wire.Descriptor{MIMEType: "text/plain", Reference: []string{"Blood"}}
	file := clinic.Push(clinic.Exchange(callback), descriptor, "x")
	b.Get("/files/" + string(file.ID) + "/download")
	w.Clock.Moves(24 * time.Hour)
	b.Get("/sign-in").Click("sign-in", "email", webtest.Anna, "password", "a wrong password").
		Click("sign-in", "email", webtest.Anna, "password", webtest.Password)

	got := b.Get("/activity").TextOf("activity")
	for _, sentence := range []string{
		"Today, 25 November",
		"10:42 You signed in (phone).",
		"Someone tried to sign in with a wrong password. It did not work.",
		"Yesterday, 24 November",
		"You downloaded Blood .",
		"Demo <Clinic> added the file Blood .",
		"You allowed Demo <Clinic> : add files to your library.",
		"You created your library.",
	} {
		i := strings.Index(got, sentence)
		if i < 0 {
			t.Fatalf("no %q, or out of order, in: %s", sentence, got)
		}
		got = got[i:]
	}
}

func TestEventsHaveTexts(t *testing.T) {
	t.Parallel()
	for _, kind := range []library.EventKind{
		library.EventLibraryCreated, library.EventSignedIn, library.EventWrongPassword, library.EventRecovered,
		library.EventPasswordChanged, library.EventCodeMade, library.EventShut, library.EventReopened,
		library.EventAllowed, library.EventRenewed, library.EventDenied, library.EventStopped,
		library.EventCodeReused, library.EventCodeRevoked, library.EventFileAdded,
		library.EventFileImported,
		library.EventFileRead, library.EventFileDownloaded, library.EventNoRoom,
		library.EventConnected, library.EventNotConnected, library.EventAccountEnded, library.EventDisconnected,
		library.EventNotAllowed,
		library.EventSentAccepted, library.EventSentRefused, library.EventSentUnknown, library.EventSentGivenUp,
		library.EventTampered,
	} {
		if !slices.Contains(account.EventKinds(), kind) {
			t.Errorf("no text for %s", kind)
		}
	}
}

// Reads by one application on one day become one sentence.
func TestManyReads(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	read := func(app string, file string, at time.Time) library.Event {
		return library.Event{At: at, Kind: library.EventFileRead, Details: library.EventDetails{
			Application: wire.ApplicationID(app), ApplicationName: app, File: wire.FileName(file), FileName: file}}
	}
	got := account.ActivityLines([]library.Event{
		read("Monitor", "c", day), read("Monitor", "b", day), read("Clinic", "x", day), read("Monitor", "a", day),
		read("Monitor", "z", day.Add(-24*time.Hour)),
	}, day)
	want := []string{
		"Today, 24 November: Monitor read 2 files.", "Today, 24 November: Clinic read the file x.",
		"Today, 24 November: Monitor read the file a.", "Yesterday, 23 November: Monitor read the file z.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// The sentences say what was sent, and nothing of its content.
func TestSentEvents(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	sent := func(kind library.EventKind, types ...string) library.Event {
		return library.Event{At: day, Kind: kind, Details: library.EventDetails{
			Application: "a", ApplicationName: "Clinic", Contract: "c", Access: library.Write, Provider: "De Linde",
			Types: types,
		}}
	}
	var got []string
	for _, line := range account.ActivityLines([]library.Event{
		sent(library.EventSentAccepted, "Observation"),
		sent(library.EventSentRefused, "Bundle", "Observation", "Observation"),
		sent(library.EventSentUnknown, "DocumentReference", "Binary"),
		sent(library.EventSentGivenUp, "Observation"),
		sent(library.EventSentAccepted,
			"Bundle", "DocumentReference", "DocumentReference", "Observation", "QuestionnaireResponse", "Condition"),
		// Who and what a blood pressure is about, and with what it was measured, is no other data.
		sent(library.EventSentAccepted, "Bundle", "Patient", "Practitioner", "PractitionerRole", "Organization",
			"Observation", "Device", "DeviceMetric", "RelatedPerson", "Location", "Provenance"),
		sent(library.EventSentAccepted, "Bundle", "Patient", "Condition"),
		sent(library.EventSentAccepted, "QuestionnaireResponse"),
		sent(library.EventSentAccepted, "Device", "Patient"),
		sent(library.EventSentGivenUp),
		sent(library.EventDisconnected),
		{
			At: day, Kind: library.EventDisconnected,
			Details: library.EventDetails{Application: "a", Provider: "De Linde"},
		},
		sent(library.EventAllowed), sent(library.EventConnected), sent(library.EventNotConnected),
		sent(library.EventAccountEnded),
	}, day) {
		got = append(got, strings.TrimPrefix(line, "Today, 24 November: "))
	}
	want := []string{
		"Clinic sent a measurement to De Linde. Accepted.", "Clinic sent measurements to De Linde. Refused.",
		"Clinic sent a document to De Linde. We do not know if it arrived.",
		"A measurement from Clinic did not reach De Linde.",
		"Clinic sent a measurement, documents, answers to a questionnaire and other data to De Linde. Accepted.",
		"Clinic sent a measurement to De Linde. Accepted.", "Clinic sent data to De Linde. Accepted.",
		"Clinic sent answers to a questionnaire to De Linde. Accepted.", "Clinic sent data to De Linde. Accepted.",
		"Data from Clinic did not reach De Linde.", "Clinic disconnected De Linde.", "You disconnected De Linde.",
		"You allowed Clinic: send data to De Linde, and add files to your library.", "You connected De Linde.",
		"De Linde was not connected.", "The connection with De Linde ended.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

package ui_test

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/web/ui"
)

func TestFormatter(t *testing.T) {
	t.Parallel()
	en, nl := formatter(english()), formatter(dutch())
	west := &ui.UI{Config: ui.Config{Zone: time.FixedZone("", -10*3600)}}
	at := time.Date(2026, 3, 4, 9, 5, 0, 0, time.UTC)
	for _, tt := range []struct{ got, want string }{
		{en.Date(at), "4 March 2026"},
		{nl.Date(at), "4 maart 2026"},
		{en.Moment(at, at.Add(time.Hour)).Text, "Today, 09:05"},
		{nl.Moment(at, at.Add(24*time.Hour)).Text, "Gisteren, 09:05"},
		{nl.Moment(at, at.Add(48*time.Hour)).Text, "4 maart 2026"},
		{en.DayHeading(at, at), "Today, 4 March"},
		{en.DayHeading(at, at.AddDate(1, 0, 0)), "4 March 2026"},
		{en.Size(0), "0 bytes"},
		{en.Size(1), "1 byte"},
		{nl.Size(1), "1 byte"},
		{en.Size(999), "999 bytes"},
		{en.Size(182_400), "182 KB"},
		{en.Size(6_000), "6 KB"},
		{en.Size(999_600), "1.0 MB"},
		{en.Size(4_100_000), "4.1 MB"},
		{nl.Size(4_100_000), "4,1 MB"},
		{nl.Size(12_345_678_901), "12 GB"},
		{english().Number(1234), "1,234"},
		{dutch().Number(1234), "1.234"},
		{west.Formatter(english()).Date(at), "3 March 2026"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// formatter writes dates in UTC.
func formatter(t *ui.Texts) ui.Formatter {
	return (&ui.UI{Config: ui.Config{Zone: time.UTC}}).Formatter(t)
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Demo Clinic": "DC", "sint Lucas Hospital": "SL", "Spotify (sample data)": "SS", "“Élan” 2": "É2", "– (": "",
		"": "",
	} {
		if got := ui.Initials(name); got != want {
			t.Errorf("initials of %q are %q, want %q", name, got, want)
		}
	}
}

package pages

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var months = map[string][12]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"nl": {"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november", "december"},
}

const isoDate = "2006-01-02"

// formatter writes times and sizes as people of one language do, in the site's time
// zone.
type formatter struct {
	texts *texts
	zone  *time.Location
}

// day is "24 November".
func (f formatter) day(t time.Time) string {
	t = t.In(f.zone)
	return fmt.Sprintf("%d %s", t.Day(), months[f.texts.Code][t.Month()-1])
}

// date is "24 November 2026".
func (f formatter) date(t time.Time) string {
	return fmt.Sprintf("%s %d", f.day(t), t.In(f.zone).Year())
}

// clock is "09:05".
func (f formatter) clock(t time.Time) string { return t.In(f.zone).Format("15:04") }

// on is a date for a sentence.
func (f formatter) on(t time.Time) marked {
	return marked{f.date(t), mark{Datetime: t.In(f.zone).Format(isoDate)}}
}

// when is a moment for a sentence: "Today, 10:42", or the date for what is longer ago.
func (f formatter) when(t, now time.Time) marked {
	m := f.on(t)
	if word := f.dayWord(t, now); word != "" {
		m.Text = word + ", " + f.clock(t)
	}
	m.Datetime = t.In(f.zone).Format("2006-01-02T15:04Z07:00")
	return m
}

// heading is a day above a list: "Today, 24 November", "3 August 2025".
func (f formatter) heading(t, now time.Time) string {
	if word := f.dayWord(t, now); word != "" {
		return word + ", " + f.day(t)
	}
	return f.date(t)
}

// dayWord is "Today" or "Yesterday", or empty.
func (f formatter) dayWord(t, now time.Time) string {
	now = now.In(f.zone)
	switch t.In(f.zone).Format(isoDate) {
	case now.Format(isoDate):
		return f.texts.text("common.today")
	case now.AddDate(0, 0, -1).Format(isoDate):
		return f.texts.text("common.yesterday")
	}
	return ""
}

// size is "512 bytes", "6 KB", "4.1 MB".
func (f formatter) size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"KB", "MB", "GB", "TB"} {
		if value /= 1000; value < 999.5 {
			break
		}
	}
	digits := 0
	if value < 10 && unit != "KB" {
		digits = 1
	}
	text := strconv.FormatFloat(value, 'f', digits, 64)
	if f.texts.Code == "nl" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text + " " + unit
}

package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var months = map[string][12]string{
	"en": {
		"January", "February", "March", "April", "May", "June",
		"July", "August", "September", "October", "November", "December",
	},
	"nl": {
		"januari", "februari", "maart", "april", "mei", "juni",
		"juli", "augustus", "september", "oktober", "november", "december",
	},
}

// The machine-readable forms of dates and times.
const (
	isoDate   = "2006-01-02"
	isoMinute = "2006-01-02T15:04Z07:00"
)

// Formatter writes times and sizes in one language and time zone.
type Formatter struct {
	texts *Texts
	zone  *time.Location
}

// dayAndMonth is "24 November".
func (f Formatter) dayAndMonth(t time.Time) string {
	t = t.In(f.zone)
	return fmt.Sprintf("%d %s", t.Day(), months[f.texts.Code][t.Month()-1])
}

// Date is "24 November 2026".
func (f Formatter) Date(t time.Time) string {
	return fmt.Sprintf("%s %d", f.dayAndMonth(t), t.In(f.zone).Year())
}

func (f Formatter) clock(t time.Time) string { return t.In(f.zone).Format("15:04") }

// Clock is "09:05", as a value for a message.
func (f Formatter) Clock(t time.Time) Value {
	return Value{f.clock(t), Markup{Datetime: t.In(f.zone).Format(isoMinute)}}
}

// DateValue is a date, as a value for a message.
func (f Formatter) DateValue(t time.Time) Value {
	return Value{f.Date(t), Markup{Datetime: t.In(f.zone).Format(isoDate)}}
}

// Moment is "Today, 10:42", or the date if the day is neither today nor yesterday, as a value for a message.
func (f Formatter) Moment(t, now time.Time) Value {
	v := f.DateValue(t)
	if word := f.relativeDay(t, now); word != "" {
		v.Text = word + ", " + f.clock(t)
	}
	v.Datetime = t.In(f.zone).Format(isoMinute)
	return v
}

// Deadline is "1 December 2026, 10:42", as a value for a message.
func (f Formatter) Deadline(t time.Time) Value {
	return Value{f.Date(t) + ", " + f.clock(t), Markup{Datetime: t.In(f.zone).Format(isoMinute)}}
}

// DayHeading is a day above a list: "Today, 24 November", "3 August 2025".
func (f Formatter) DayHeading(t, now time.Time) string {
	if word := f.relativeDay(t, now); word != "" {
		return word + ", " + f.dayAndMonth(t)
	}
	return f.Date(t)
}

// relativeDay is "Today" or "Yesterday", or empty.
func (f Formatter) relativeDay(t, now time.Time) string {
	now = now.In(f.zone)
	switch t.In(f.zone).Format(isoDate) {
	case now.Format(isoDate):
		return f.texts.Text("common.today")
	case now.AddDate(0, 0, -1).Format(isoDate):
		return f.texts.Text("common.yesterday")
	}
	return ""
}

// Size is "1 byte", "512 bytes", "6 KB", "4.1 MB".
func (f Formatter) Size(n int64) string {
	if n == 1 {
		return "1 byte"
	}
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

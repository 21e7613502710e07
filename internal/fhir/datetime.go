package fhir

// Dates and times have the forms of https://hl7.org/fhir/STU3/datatypes.html#primitive,
// and the day must exist in the calendar.

// daysInMonth returns the number of days, or 0 if there is no such month.
func daysInMonth(year, month int) int {
	switch month {
	case 1, 3, 5, 7, 8, 10, 12:
		return 31
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 0
}

// parseDigits reads exactly n digits at the start of s.
func parseDigits(s []byte, n int) (value int, rest []byte, ok bool) {
	if len(s) < n {
		return 0, s, false
	}
	for _, c := range s[:n] {
		if !isDigit(c) {
			return 0, s, false
		}
		value = value*10 + int(c-'0')
	}
	return value, s[n:], true
}

// A dateTime is a date or time of any precision.
type dateTime struct {
	year, month, day     int // 0 if the value is less precise
	hour, minute, second int
	nanos                int
	offset               int // minutes east of UTC
	hasTime              bool
}

// parseDate reads YYYY, YYYY-MM or YYYY-MM-DD at the start of s. The year may have a
// minus sign, as in the specification's regular expression. The sign is ignored.
func parseDate(s []byte) (m dateTime, rest []byte, ok bool) {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	if m.year, s, ok = parseDigits(s, 4); !ok {
		return m, s, false
	}
	if len(s) == 0 || s[0] != '-' {
		return m, s, true
	}
	if m.month, s, ok = parseDigits(s[1:], 2); !ok || daysInMonth(m.year, m.month) == 0 {
		return m, s, false
	}
	if len(s) == 0 || s[0] != '-' {
		return m, s, true
	}
	if m.day, s, ok = parseDigits(s[1:], 2); !ok || m.day < 1 || m.day > daysInMonth(m.year, m.month) {
		return m, s, false
	}
	return m, s, true
}

// parseClock reads hh:mm:ss and an optional fraction at the start of s.
func (m *dateTime) parseClock(s []byte) (rest []byte, ok bool) {
	if m.hour, s, ok = parseDigits(s, 2); !ok || m.hour > 23 || len(s) == 0 || s[0] != ':' {
		return s, false
	}
	if m.minute, s, ok = parseDigits(s[1:], 2); !ok || m.minute > 59 || len(s) == 0 || s[0] != ':' {
		return s, false
	}
	if m.second, s, ok = parseDigits(s[1:], 2); !ok || m.second > 59 {
		return s, false
	}
	if len(s) == 0 || s[0] != '.' {
		return s, true
	}
	s = s[1:]
	n := 0
	for scale := 100_000_000; n < len(s) && isDigit(s[n]); n++ {
		m.nanos += int(s[n]-'0') * scale
		scale /= 10
	}
	return s[n:], n > 0
}

// parseZone reads Z or an offset of at most fourteen hours, up to the end of s.
func (m *dateTime) parseZone(s []byte) bool {
	if string(s) == "Z" {
		return true
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return false
	}
	h, _, ok := parseDigits(s[1:3], 2)
	minutes, _, ok2 := parseDigits(s[4:], 2)
	if !ok || !ok2 || minutes > 59 || h*60+minutes > 14*60 {
		return false
	}
	m.offset = h*60 + minutes
	if s[0] == '-' {
		m.offset = -m.offset
	}
	return true
}

// parseDateTime reads a date or dateTime.
func parseDateTime(s []byte) (m dateTime, ok bool) {
	m, s, ok = parseDate(s)
	if !ok || len(s) == 0 {
		return m, ok
	}
	if m.day == 0 || s[0] != 'T' {
		return m, false
	}
	m.hasTime = true
	s, ok = m.parseClock(s[1:])
	return m, ok && m.parseZone(s)
}

func isDate(s []byte) bool {
	_, rest, ok := parseDate(s)
	return ok && len(rest) == 0
}

func isDateTime(s []byte) bool {
	_, ok := parseDateTime(s)
	return ok
}

func isInstant(s []byte) bool {
	m, ok := parseDateTime(s)
	return ok && m.hasTime
}

func isTime(s []byte) bool {
	var m dateTime
	rest, ok := m.parseClock(s)
	return ok && len(rest) == 0
}

// after reports whether m is later than o for every value of the parts that one of them
// does not have.
func (m dateTime) after(o dateTime) bool {
	if m.hasTime && o.hasTime {
		a, b := m.utcMinutes(), o.utcMinutes()
		if a != b {
			return a > b
		}
		if m.second != o.second {
			return m.second > o.second
		}
		return m.nanos > o.nanos
	}
	if m.hasTime != o.hasTime && m.day != 0 && o.day != 0 {
		// A day without a zone may begin up to a day earlier or later.
		return m.dayNumber() > o.dayNumber()+1
	}
	for _, pair := range [][2]int{{m.year, o.year}, {m.month, o.month}, {m.day, o.day}} {
		if pair[0] == 0 || pair[1] == 0 || pair[0] == pair[1] {
			if pair[0] != pair[1] {
				return false
			}
			continue
		}
		return pair[0] > pair[1]
	}
	return false
}

// utcMinutes counts minutes in UTC.
func (m dateTime) utcMinutes() int {
	return (m.dayNumber()*24+m.hour)*60 + m.minute - m.offset
}

// dayNumber counts days in the Gregorian calendar.
func (m dateTime) dayNumber() int {
	y := m.year
	if m.month < 3 {
		y--
	}
	return 365*y + y/4 - y/100 + y/400 + (153*((m.month+9)%12)+2)/5 + m.day
}

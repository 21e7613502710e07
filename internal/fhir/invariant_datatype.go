package fhir

import "bytes"

const ucumSystem = "http://unitsofmeasure.org"

// datatypeInvariants returns the invariants of data types.
func datatypeInvariants() []invariant {
	return []invariant{
		{"ext-1", "", "must have either a value or extensions of its own, and not both", func(v view) bool {
			return v.has("extension") != v.hasChoice("value")
		}},
		{"per-1", "", "ends before it starts", func(v view) bool {
			start, ok := v.dateTime("start")
			end, ok2 := v.dateTime("end")
			return !ok || !ok2 || !start.after(end)
		}},
		{"qty-3", "system", "is required beside a code", func(v view) bool {
			return !v.has("code") || v.has("system")
		}},
		{"rng-2", "", "has a low above its high", func(v view) bool {
			low, ok := v.child("low")
			high, ok2 := v.child("high")
			if !ok || !ok2 || low.text("code") != high.text("code") || low.text("unit") != high.text("unit") {
				return true
			}
			l, ok := low.number("value")
			h, ok2 := high.number("value")
			return !ok || !ok2 || l <= h
		}},
		{"rat-1", "", "must have both numerator and denominator, or an extension and neither", func(v view) bool {
			return v.has("numerator") == v.has("denominator") && v.hasAny("numerator", "extension")
		}},
		{"att-1", "contentType", "is required beside data", func(v view) bool {
			return !v.has("data") || v.has("contentType")
		}},
		{"cpt-2", "system", "is required beside a value", func(v view) bool {
			return !v.has("value") || v.has("system")
		}},
		{"age-1", "", "must be a positive time with a UCUM code", func(v view) bool {
			n, ok := v.number("value")
			return ucumCode(v) && (!ok || n > 0)
		}},
		{"dis-1", "", "must have a UCUM code", ucumCode},
		{"cnt-3", "", `must be a whole number with the UCUM code "1"`, func(v view) bool {
			whole := true
			if m, ok := v.c.doc.member(v.i, "value"); ok {
				whole = !bytes.ContainsRune(v.c.doc.raw(m), '.')
			}
			return ucumCode(v) && whole && (!v.has("code") || v.is("code", "1"))
		}},
		{"drt-1", "", "must have a value beside its code, and the code must be of UCUM", func(v view) bool {
			return !v.has("code") || v.has("value") && v.is("system", ucumSystem)
		}},
		{"mny-1", "", "must have a currency as its code, of urn:iso:std:iso:4217", func(v view) bool {
			return (v.has("code") || !v.has("value")) && (!v.has("system") || v.is("system", "urn:iso:std:iso:4217"))
		}},
		{"tim-1", "durationUnit", "is required beside a duration", requires("duration", "durationUnit")},
		{"tim-2", "periodUnit", "is required beside a period", requires("period", "periodUnit")},
		{"tim-4", "duration", "must not be negative", notNegative("duration")},
		{"tim-5", "period", "must not be negative", notNegative("period")},
		{"tim-6", "period", "is required beside periodMax", requires("periodMax", "period")},
		{"tim-7", "duration", "is required beside durationMax", requires("durationMax", "duration")},
		{"tim-8", "count", "is required beside countMax", requires("countMax", "count")},
		{"tim-9", "offset", "is only for a when that is not a meal (C, CM, CD, CV)", func(v view) bool {
			if !v.has("offset") {
				return true
			}
			for w := range v.each("when") {
				switch string(v.c.doc.text(w.i)) {
				case "C", "CM", "CD", "CV":
					return false
				}
			}
			return v.has("when")
		}},
		{"tim-10", "timeOfDay", "must not stand beside when", notBoth("timeOfDay", "when")},
		{"eld-2", "max", "is below min", func(v view) bool {
			low, ok := v.number("min")
			high, unbounded := parseMaxCardinality(v.text("max"))
			return !ok || unbounded || low <= high
		}},
	}
}

// ucumCode reports whether a value has a code and whether its system, if it has one, is
// UCUM.
func ucumCode(v view) bool {
	return (v.has("code") || !v.has("value")) && (!v.has("system") || v.is("system", ucumSystem))
}

// requires returns the condition that an element is present only with another one.
func requires(name, other string) func(view) bool {
	return func(v view) bool { return !v.has(name) || v.has(other) }
}

// notBoth returns the condition that two elements are not both present.
func notBoth(one, other string) func(view) bool {
	return func(v view) bool { return !v.has(one) || !v.has(other) }
}

// notNegative returns the condition that an element is zero or more.
func notNegative(name string) func(view) bool {
	return func(v view) bool {
		n, ok := v.number(name)
		return !ok || n >= 0
	}
}

// anyOf returns the condition that at least one of some elements is present.
func anyOf(names ...string) func(view) bool {
	return func(v view) bool { return v.hasAny(names...) }
}

// parseMaxCardinality reads the max of an ElementDefinition. Unbounded is also true for
// what is not a number.
func parseMaxCardinality(s string) (limit float64, unbounded bool) {
	n, _, ok := parseDigits([]byte(s), len(s))
	return float64(n), !ok || s == "" || len(s) > 9
}

package sampledata

import (
	"fmt"
	"html"
	"time"
)

// object is a JSON object of FHIR. Go writes the members of a map in alphabetical order, so that they are always the
// same bytes.
type object = map[string]any

// The systems of codes.
const (
	snomed = "http://snomed.info/sct"
	loinc  = "http://loinc.org"
	ucum   = "http://unitsofmeasure.org"
	atc    = "http://www.whocc.no/atc"
	gRoute = "urn:oid:2.16.840.1.113883.2.4.4.9"       // route of administration, G-Standaard
	gUnit  = "urn:oid:2.16.840.1.113883.2.4.4.1.900.2" // unit of a dose, G-Standaard
)

// profiles is where the profiles of the Dutch building blocks (zib) are.
const profiles = "http://nictiz.nl/fhir/StructureDefinition/"

// patientID is the id of the patient.
const patientID = "sample-patient"

func coding(system, code, display string) object {
	return object{"system": system, "code": code, "display": display}
}

// concept returns a CodeableConcept with one code, whose name is also its text.
func concept(system, code, display string) object {
	return object{"coding": []any{coding(system, code, display)}, "text": display}
}

// quantity returns a Quantity in a unit of UCUM.
func quantity(value float64, unit, code string) object {
	return object{"value": value, "unit": unit, "system": ucum, "code": code}
}

func patient() object {
	return object{"reference": "Patient/" + patientID, "display": personName}
}

// resource adds what all resources have. The text is for people.
func resource(kind, id, profile, text string, members object) object {
	members["resourceType"] = kind
	members["id"] = id
	members["meta"] = object{"profile": []any{profile}}
	members["language"] = "nl"
	members["text"] = object{
		"status": "generated",
		"div":    `<div xmlns="http://www.w3.org/1999/xhtml" lang="nl">` + html.EscapeString(text) + "</div>",
	}
	return members
}

// specified returns the extension of a code that has the code of the zib beside that of FHIR.
func specified(system, code, display string) object {
	return object{"extension": []any{object{
		"url":                  profiles + "code-specification",
		"valueCodeableConcept": concept(system, code, display),
	}}}
}

func dateTime(t time.Time) string { return t.Format(time.RFC3339) }
func date(t time.Time) string     { return t.Format(time.DateOnly) }

// months are the names of the months, for texts.
var months = [...]string{
	"januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
	"december",
}

// written returns a date for people: 3 maart 2026.
func written(t time.Time) string {
	return fmt.Sprintf("%d %s %d", t.Day(), months[t.Month()-1], t.Year())
}

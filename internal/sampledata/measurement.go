package sampledata

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// measure is a kind of measurement. Values are in tenths, so that they have one decimal.
type measure struct {
	id, profile          string
	code, name, display  string // in LOINC, in Dutch, and the name of the code
	unit, unitCode       string
	every, first         int // days between measurements, and the age of the newest one
	count, testCount     int
	hour                 int
	base, spread, yearly int // tenths: the usual value, how far it varies, how it has fallen in a year
}

// measures are measured regularly. Blood pressure and fever are not in the table.
var measures = []measure{
	{
		id: "heartrate", profile: "zib-HeartRate", code: "8867-4", name: "Hartfrequentie", display: "Heart rate",
		unit: "/min", unitCode: "/min", every: 7, first: 2, count: 104, testCount: 4, hour: 8, base: 680, spread: 120,
	},
	{
		id: "weight", profile: "zib-BodyWeight", code: "29463-7", name: "Gewicht", display: "Body weight",
		unit: "kg", unitCode: "kg", every: 7, first: 1, count: 104, testCount: 4, hour: 7, base: 782, spread: 8,
		yearly: 22,
	},
	{
		id: "height", profile: "zib-BodyHeight", code: "8302-2", name: "Lengte", display: "Body height",
		unit: "cm", unitCode: "cm", every: 300, first: 20, count: 3, testCount: 1, hour: 10, base: 1710, spread: 1,
	},
	{
		id: "glucose", profile: "vitalsign-bloodglucose", code: "14743-9", name: "Bloedglucose",
		display: "Glucose [Moles/volume] in Capillary blood by Glucometer",
		unit:    "mmol/L", unitCode: "mmol/L", every: 3, first: 1, count: 120, testCount: 8, hour: 7, base: 61,
		spread: 14, yearly: 6,
	},
}

var vitalSigns = object{"coding": []any{
	coding("http://hl7.org/fhir/observation-category", "vital-signs", "Vital Signs"),
}}

// measurements returns all measurements, newest first.
func (b *builder) measurements() (items []item) {
	for _, m := range measures {
		for i := range b.pick(m.count, m.testCount) {
			age := m.first + i*m.every
			value := m.base + m.yearly*age/365 + vary(m.id, i, 2*m.spread+1) - m.spread
			if m.unitCode == "/min" {
				value -= value % 10
			}
			items = append(items, b.observation(m, i, age, float64(value)/10))
		}
	}
	for i := range b.pick(104, 4) {
		items = append(items, b.bloodPressure(i, 2+7*i))
	}
	items = append(items, b.fevers()...)
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.age, b.age) })
	return items
}

// fevers returns the temperatures of the days of two illnesses; the first number of each is the age.
func (b *builder) fevers() (items []item) {
	temperature := measure{
		id: "temperature", profile: "zib-BodyTemperature", code: "8310-5", name: "Lichaamstemperatuur",
		display: "Body temperature", unit: "°C", unitCode: "Cel", hour: 20,
	}
	days := []struct {
		age   int
		value float64
	}{{24, 36.9}, {25, 37.8}, {26, 38.6}, {201, 37.1}, {202, 38.4}, {203, 39.1}, {204, 38.8}}
	for i, d := range days[:b.pick(len(days), 3)] {
		items = append(items, b.observation(temperature, i, d.age, d.value))
	}
	return items
}

// observation returns a measurement with one value.
func (b *builder) observation(m measure, i, age int, value float64) item {
	at := b.day(age, m.hour, vary(m.id+" minute", i, 50))
	category, code := vitalSigns, concept(loinc, m.code, m.display)
	if m.profile == "vitalsign-bloodglucose" {
		category = laboratoryCategory
	}
	code["text"] = m.name
	return item{at, age, resource("Observation", "sample-"+m.id+"-"+serial(i), profiles+m.profile,
		m.name+": "+decimal(value)+" "+m.unit, object{
			"status":            "final",
			"category":          []any{category},
			"code":              code,
			"subject":           patient(),
			"effectiveDateTime": dateTime(at),
			"performer":         []any{patient()},
			"valueQuantity":     quantity(value, m.unit, m.unitCode),
		})}
}

// bloodPressure returns a measurement with two values.
func (b *builder) bloodPressure(i, age int) item {
	at := b.day(age, 8, vary("pressure minute", i, 50))
	upper := 129 + 6*age/365 + vary("upper", i, 13)
	lower := 77 + 3*age/365 + vary("lower", i, 10)
	component := func(code, display, name string, value int) object {
		c := concept(loinc, code, display)
		c["text"] = name
		return object{"code": c, "valueQuantity": quantity(float64(value), "mmHg", "mm[Hg]")}
	}
	code := concept(loinc, "85354-9", "Blood pressure panel with all children optional")
	code["text"] = "Bloeddruk"
	return item{at, age, resource("Observation", "sample-bloodpressure-"+serial(i), profiles+"zib-BloodPressure",
		fmt.Sprintf("Bloeddruk: %d/%d mmHg", upper, lower), object{
			"status":            "final",
			"category":          []any{vitalSigns},
			"code":              code,
			"subject":           patient(),
			"effectiveDateTime": dateTime(at),
			"performer":         []any{patient()},
			"component": []any{
				component("8480-6", "Systolic blood pressure", "Bovendruk", upper),
				component("8462-4", "Diastolic blood pressure", "Onderdruk", lower),
			},
		})}
}

// serial returns the number of an object for its id.
func serial(i int) string { return fmt.Sprintf("%03d", i+1) }

// decimal returns a number as it is written in Dutch.
func decimal(v float64) string {
	return strings.Replace(strconv.FormatFloat(v, 'f', -1, 64), ".", ",", 1)
}

// consultation returns the time of a consultation some days ago.
func (b *builder) consultation(ago int) time.Time { return b.day(ago, 10, 20) }

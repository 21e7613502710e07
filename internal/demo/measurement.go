package demo

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// pressure is a blood pressure in millimetres of mercury.
type pressure struct{ Systolic, Diastolic int }

// lowest and highest bound the values that a home monitor can show.
const lowest, highest = 30, 280

func (p pressure) check() error {
	if p.Diastolic < lowest || p.Systolic > highest || p.Diastolic >= p.Systolic {
		return fmt.Errorf(
			"a blood pressure is two numbers from %d to %d, and the upper one is the higher",
			lowest,
			highest,
		)
	}
	return nil
}

// object and list are JSON objects and arrays.
type (
	object = map[string]any
	list   = []any
)

// newMeasurement returns a blood pressure in the form of MedMij's data service 53: a batch with the patient and the
// observation. The patient's citizen service number is masked; the access token tells the provider whose record it is.
func newMeasurement(p pressure, at time.Time) object {
	const name = "A visitor of the demo clinic"
	patient, observation := randomURN(), randomURN()
	who := object{"reference": patient, "display": name}
	return object{
		"resourceType": "Bundle",
		"type":         "batch",
		"entry": list{
			entry(patient, object{
				"resourceType": "Patient",
				"meta":         object{"profile": list{"http://fhir.nl/fhir/StructureDefinition/nl-core-patient"}},
				"identifier": list{object{
					"system": "http://fhir.nl/fhir/NamingSystem/bsn",
					"_value": object{"extension": list{object{
						"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked",
					}}},
				}},
				"name": list{object{"text": name}},
			}),
			entry(observation, object{
				"resourceType": "Observation",
				"meta": object{
					"profile": list{"http://nictiz.nl/fhir/StructureDefinition/zib-BloodPressure"},
				},
				"identifier": list{object{"system": "urn:ietf:rfc:3986", "value": observation}},
				"status":     "final",
				"category": list{
					concept("http://hl7.org/fhir/observation-category", "vital-signs", "Vital Signs"),
				},
				"code":              concept(loinc, "85354-9", "Blood pressure panel with all children optional"),
				"subject":           who,
				"performer":         list{who},
				"effectiveDateTime": at.Format(time.RFC3339),
				"component": list{
					component("8480-6", "Systolic blood pressure", p.Systolic),
					component("8462-4", "Diastolic blood pressure", p.Diastolic),
				},
			}),
		},
	}
}

const loinc = "http://loinc.org"

func entry(urn string, resource object) object {
	return object{
		"fullUrl":  urn,
		"resource": resource,
		"request":  object{"method": "POST", "url": resource["resourceType"]},
	}
}

func concept(system, code, display string) object {
	return object{"coding": list{object{"system": system, "code": code, "display": display}}}
}

func component(code, display string, value int) object {
	return object{
		"code": concept(loinc, code, display),
		"valueQuantity": object{
			"value":  value,
			"unit":   "mmHg",
			"system": "http://unitsofmeasure.org",
			"code":   "mm[Hg]",
		},
	}
}

// randomURN returns a random UUID as a URN, which names a resource that has no id yet.
func randomURN() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never returns an error
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// indentJSON returns JSON with indentation, or an empty string if the text is not JSON.
func indentJSON(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return ""
	}
	return b.String()
}

var errNoProvider = errors.New("your library has connected no care provider")

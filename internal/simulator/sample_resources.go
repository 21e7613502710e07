package simulator

import (
	"encoding/json"
	"fmt"
)

// sampleResources returns the resources that a provider has of a new patient: a questionnaire if
// it offers service 60, and blood pressures if it offers a service for collecting.
func sampleResources(provider, patient string) (all []element) {
	for _, p := range sampleProviders() {
		if p.name != provider {
			continue
		}
		if p.offers("60") {
			all = append(all, questionnaireTask(), questionnaire())
		}
		if p.offers("48") || p.offers("49") {
			all = append(all, samplePatient(patient))
			for n, mmHg := range [][2]int{{128, 82}, {124, 80}, {131, 85}, {122, 79}, {120, 80}} {
				all = append(all, bloodPressure(n+1, mmHg[0], mmHg[1]))
			}
		}
	}
	return all
}

// coded returns a CodeableConcept.
func coded(system, code, display string) element {
	return element{"coding": []any{element{"system": system, "code": code, "display": display}}, "text": display}
}

func samplePatient(name string) element {
	return element{"resourceType": "Patient", "id": "patient",
		"meta": element{"profile": []any{"http://fhir.nl/fhir/StructureDefinition/nl-core-patient"}},
		"name": []any{element{"text": name}}}
}

func bloodPressure(n, systolic, diastolic int) element {
	part := func(code, display string, value int) element {
		return element{"code": coded("http://loinc.org", code, display),
			"valueQuantity": element{"value": json.Number(fmt.Sprint(value)), "unit": "mmHg",
				"system": "http://unitsofmeasure.org", "code": "mm[Hg]"}}
	}
	return element{"resourceType": "Observation", "id": fmt.Sprintf("pressure-%d", n),
		"meta":   element{"profile": []any{"http://nictiz.nl/fhir/StructureDefinition/zib-BloodPressure"}},
		"status": "final", "code": coded("http://loinc.org", "85354-9", "Blood pressure"),
		"effectiveDateTime": fmt.Sprintf("2026-01-%02dT09:00:00+01:00", n),
		"subject":           element{"reference": "Patient/patient", "display": "Practice patient"},
		"component": []any{part("8480-6", "Systolic blood pressure", systolic),
			part("8462-4", "Diastolic blood pressure", diastolic)}}
}

func questionnaireTask() element {
	return element{"resourceType": "Task", "id": "questionnaire-task",
		"meta": element{"profile": []any{
			"http://nictiz.nl/fhir/StructureDefinition/vl-QuestionnaireProvisioningTask"}},
		"status": "requested", "intent": "order",
		"code":       coded("http://loinc.org", "74468-0", "Questionnaire form definition Document"),
		"focus":      element{"reference": "Questionnaire/questionnaire", "display": "How are you today?"},
		"authoredOn": "2026-01-05T09:00:00+01:00"}
}

func questionnaire() element {
	return element{"resourceType": "Questionnaire", "id": "questionnaire", "status": "active",
		"title": "How are you today?",
		"item":  []any{element{"linkId": "1", "text": "How are you today?", "type": "string"}}}
}

package simulator

import (
	"encoding/json"
	"fmt"
	"strings"
)

// summarize returns a short description of a resource. It returns "" for a type that only
// accompanies others, such as Patient.
func summarize(e element) string {
	kind := stringField(e, "resourceType")
	switch kind {
	case "Patient", "Binary", "DocumentManifest", "OperationOutcome":
		return ""
	case "Observation":
		return strings.TrimSpace(labelOf(e["code"], "Observation") + " " + observationValue(e))
	case "DocumentReference":
		return withLabel("Document", stringField(e, "description"))
	case "QuestionnaireResponse":
		items, _ := e["item"].([]any)
		return fmt.Sprintf("Answers to %d questions", len(items))
	case "Task":
		return withLabel("Task", stringField(e, "status"))
	}
	return labelOf(e["code"], kind)
}

// withLabel returns "type: text".
func withLabel(kind, what string) string {
	if what == "" {
		return kind
	}
	return kind + ": " + truncateText(what)
}

// labelOf returns the text or the first display of a CodeableConcept, or otherwise if it has none.
func labelOf(code any, otherwise string) string {
	concept, _ := code.(element)
	if said := stringField(concept, "text"); said != "" {
		return truncateText(said)
	}
	codings, _ := concept["coding"].([]any)
	for _, v := range codings {
		coding, _ := v.(element)
		if said := stringField(coding, "display"); said != "" {
			return truncateText(said)
		}
	}
	return otherwise
}

// observationValue returns the value of an Observation, or the values of its components, such as
// "120/80 mmHg".
func observationValue(e element) string {
	if said := stringField(e, "valueString"); said != "" {
		return truncateText(said)
	}
	if value, unit := quantity(e); value != "" {
		return strings.TrimSpace(value + " " + unit)
	}
	var values []string
	lastUnit := ""
	components, _ := e["component"].([]any)
	for _, v := range components {
		part, _ := v.(element)
		if value, unit := quantity(part); value != "" && len(values) < 4 {
			values, lastUnit = append(values, value), unit
		}
	}
	return strings.TrimSpace(strings.Join(values, "/") + " " + lastUnit)
}

// quantity returns the value and the unit of a valueQuantity.
func quantity(e element) (value, unit string) {
	q, _ := e["valueQuantity"].(element)
	number, _ := q["value"].(json.Number)
	return truncateText(number.String()), truncateText(stringField(q, "unit"))
}

// truncateText truncates a text to 80 characters.
func truncateText(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

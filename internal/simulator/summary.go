package simulator

import (
	"encoding/json"
	"fmt"
	"strings"
)

// summary says in a line what a resource is about; "" for one that only comes along.
func summary(e element) string {
	kind := text(e, "resourceType")
	switch kind {
	case "Patient", "Binary", "DocumentManifest", "OperationOutcome":
		return ""
	case "Observation":
		return strings.TrimSpace(labelOf(e["code"], "Observation") + " " + valueOf(e))
	case "DocumentReference":
		return labelled("Document", text(e, "description"))
	case "QuestionnaireResponse":
		items, _ := e["item"].([]any)
		return fmt.Sprintf("Answers to %d questions", len(items))
	case "Task":
		return labelled("Task", text(e, "status"))
	}
	return labelOf(e["code"], kind)
}

func labelled(kind, what string) string {
	if what == "" {
		return kind
	}
	return kind + ": " + short(what)
}

// labelOf is what people call a code.
func labelOf(code any, otherwise string) string {
	concept, _ := code.(element)
	if said := text(concept, "text"); said != "" {
		return short(said)
	}
	codings, _ := concept["coding"].([]any)
	for _, v := range codings {
		coding, _ := v.(element)
		if said := text(coding, "display"); said != "" {
			return short(said)
		}
	}
	return otherwise
}

// valueOf is an observation's value, or its components' as in 120/80.
func valueOf(e element) string {
	if said := text(e, "valueString"); said != "" {
		return short(said)
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

func quantity(e element) (value, unit string) {
	q, _ := e["valueQuantity"].(element)
	number, _ := q["value"].(json.Number)
	return short(number.String()), short(text(q, "unit"))
}

// short cuts what a stranger wrote.
func short(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}

package ui

import (
	"slices"
)

// The pages say in a few words what is sent to a provider, and nothing of its content.

// DataTypes are the text keys of kinds of data, as a sentence lists them.
type DataTypes []string

// otherData stands for all data that has no word of its own.
const otherData = ""

// dataTypeKeys are the texts for the data types of the catalogue. Other types have no word of their own.
var dataTypeKeys = map[string]string{
	"measurements-vital-signs": "what.measurements",
	"documents":                "what.documents",
	"questionnaire-response":   "what.answers",
}

// NewDataTypes returns the words for data types of the catalogue.
func NewDataTypes(types []string) DataTypes {
	var keys []string
	for _, t := range types {
		keys = appendNew(keys, dataTypeKeys[t])
	}
	return newDataTypes(keys)
}

// namedResources are the FHIR resources that have a word of their own. Companions come with other resources: they say
// whom and what those are about, who or what made them, and where. They are what was sent only if they come alone.
var (
	namedResources     = []string{"Observation", "DocumentReference", "Binary", "QuestionnaireResponse"}
	companionResources = []string{
		"Bundle", "Patient", "RelatedPerson", "Person", "Practitioner", "PractitionerRole", "Organization", "Location",
		"Device", "DeviceComponent", "DeviceMetric", "Provenance", "MessageHeader",
	}
)

// ResourceDataTypes returns the words for FHIR resources, given by their types. A Binary comes with the
// DocumentReference that describes it, so the two are one document.
func ResourceDataTypes(types []string) DataTypes {
	count := map[string]int{}
	for _, t := range types {
		count[t]++
	}
	var keys []string
	add := func(n int, one, many string) {
		switch {
		case n == 1:
			keys = append(keys, one)
		case n > 1:
			keys = append(keys, many)
		}
	}
	add(count["Observation"], "what.measurement", "what.measurements")
	add(max(count["DocumentReference"], count["Binary"]), "what.document", "what.documents")
	add(count["QuestionnaireResponse"], "what.answers", "what.answers")
	for t := range count {
		if !slices.Contains(namedResources, t) && !slices.Contains(companionResources, t) {
			keys = append(keys, otherData)
			break
		}
	}
	return newDataTypes(keys)
}

// newDataTypes puts the text for other data last, if there is any.
func newDataTypes(keys []string) DataTypes {
	known := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == otherData })
	switch {
	case len(known) == 0:
		return DataTypes{"what.data"}
	case len(known) < len(keys):
		return append(known, "what.other")
	}
	return known
}

// Plural returns the form of a message that fits the data types: key.one for a single thing, else key.other.
func (d DataTypes) Plural(key string) string {
	if len(d) == 1 && (d[0] == "what.measurement" || d[0] == "what.document") {
		return plural(key, 1)
	}
	return plural(key, 2)
}

// In returns the data types as a part of a sentence: "measurements, documents and other data".
func (d DataTypes) In(t *Texts) string {
	words := make([]string, 0, len(d))
	for _, key := range d {
		words = append(words, t.Text(key))
	}
	return t.list("what.and", words)
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

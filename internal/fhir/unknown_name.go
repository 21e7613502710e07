package fhir

import (
	"fmt"
	"strings"
	"sync"
)

// versionHints are explanations for names that another version of FHIR has.
type versionHints struct {
	version  Version
	types    map[string]string // from an unknown type to a sentence
	elements map[string]string // from an unknown element to a sentence
}

// hintsFor returns the hints for a version.
func hintsFor(v Version) *versionHints {
	if v == STU3 {
		return stu3Hints()
	}
	return &versionHints{version: v}
}

// stu3Hints returns the hints for STU3. Its first call builds them.
var stu3Hints = sync.OnceValue(func() *versionHints {
	return &versionHints{
		version: STU3,
		types: map[string]string{
			// R4
			"ServiceRequest":              "is of FHIR R4; STU3 has ProcedureRequest and ReferralRequest",
			"MedicationKnowledge":         "is of FHIR R4; STU3 has Medication",
			"MolecularSequence":           "is of FHIR R4; STU3 has Sequence",
			"CoverageEligibilityRequest":  "is of FHIR R4; STU3 has EligibilityRequest",
			"CoverageEligibilityResponse": "is of FHIR R4; STU3 has EligibilityResponse",
			"BodyStructure":               "is of FHIR R4; STU3 has BodySite",
			"ImmunizationEvaluation":      "is of FHIR R4; STU3 has ImmunizationRecommendation",
			"DeviceDefinition":            "is of FHIR R4; STU3 has Device",
			"ObservationDefinition":       "is of FHIR R4; STU3 has nothing like it",
			"SpecimenDefinition":          "is of FHIR R4; STU3 has nothing like it",
			"InsurancePlan":               "is of FHIR R4; STU3 has Coverage",
			"Invoice":                     "is of FHIR R4; STU3 has Claim",
			"OrganizationAffiliation":     "is of FHIR R4; STU3 has Organization",
			"VerificationResult":          "is of FHIR R4; STU3 has nothing like it",
			"TerminologyCapabilities":     "is of FHIR R4; STU3 has CapabilityStatement",
			// DSTU2
			"MedicationOrder":        "is of FHIR DSTU2; STU3 has MedicationRequest",
			"DiagnosticOrder":        "is of FHIR DSTU2; STU3 has ProcedureRequest",
			"Conformance":            "is of FHIR DSTU2; STU3 has CapabilityStatement",
			"DeviceUseRequest":       "is of FHIR DSTU2; STU3 has DeviceRequest",
			"EligibilityQuestion":    "is of FHIR DSTU2; STU3 has EligibilityRequest",
			"Order":                  "is of FHIR DSTU2; STU3 has Task",
			"OrderResponse":          "is of FHIR DSTU2; STU3 has Task",
			"ImagingObjectSelection": "is of FHIR DSTU2; STU3 has ImagingManifest",
		},
		elements: map[string]string{
			"Observation.encounter":               "R4 has it; in STU3 it is context",
			"Observation.note":                    "R4 has it; in STU3 it is comment",
			"Observation.comments":                "DSTU2 has it; in STU3 it is comment",
			"Observation.focus":                   "R4 has it",
			"Observation.partOf":                  "R4 has it; in STU3 it is related",
			"Observation.hasMember":               "R4 has it; in STU3 it is related",
			"Observation.derivedFrom":             "R4 has it; in STU3 it is related",
			"Condition.encounter":                 "R4 has it; in STU3 it is context",
			"Condition.recordedDate":              "R4 has it; in STU3 it is assertedDate",
			"Condition.recorder":                  "R4 has it; in STU3 it is asserter",
			"Condition.patient":                   "DSTU2 has it; in STU3 it is subject",
			"DiagnosticReport.encounter":          "R4 has it; in STU3 it is context",
			"DiagnosticReport.media":              "R4 has it; in STU3 it is image",
			"DiagnosticReport.resultsInterpreter": "R4 has it; in STU3 it is performer",
			"Procedure.encounter":                 "R4 has it; in STU3 it is context",
			"Procedure.statusReason":              "R4 has it; in STU3 it is notDoneReason",
			"MedicationStatement.effective":       "STU3 has effective[x]",
			"MedicationRequest.encounter":         "R4 has it; in STU3 it is context",
			"MedicationRequest.doNotPerform":      "R4 has it",
			"AllergyIntolerance.encounter":        "R4 has it",
			"AllergyIntolerance.recordedDate":     "R4 has it; in STU3 it is assertedDate",
			"Immunization.statusReason":           "R4 has it; in STU3 it is explanation.reasonNotGiven",
			"Immunization.occurrence":             "R4 has it; in STU3 it is date",
			"Immunization.performer":              "in STU3 it is practitioner",
			"Immunization.wasNotGiven":            "DSTU2 has it; in STU3 it is notGiven",
			"DocumentReference.date":              "R4 has it; in STU3 it is indexed",
			"DocumentReference.category":          "R4 has it; in STU3 it is class",
			"Encounter.reasonCode":                "R4 has it; in STU3 it is reason",
			"Patient.careProvider":                "DSTU2 has it; in STU3 it is generalPractitioner",
			"Task.reasonCode":                     "R4 has it; in STU3 it is reason",
			"Task.encounter":                      "R4 has it; in STU3 it is context",
			"Task.location":                       "R4 has it",
			"QuestionnaireResponse.encounter":     "R4 has it; in STU3 it is context",
			"QuestionnaireResponse.group":         "DSTU2 has it; in STU3 it is item",
			"Meta.source":                         "R4 has it",
		},
	}
})

// unknownTypeText returns the text of an issue for an unknown type of resource.
func (h *versionHints) unknownTypeText(name []byte) string {
	if hint := h.types[string(name)]; hint != "" {
		return string(name) + " " + hint
	}
	if shown, ok := safeName(name); ok {
		return fmt.Sprintf("%s is not a type of resource in %s", shown, h.version)
	}
	return fmt.Sprintf("must be the name of a type of resource in %s", h.version)
}

// unknownElementText returns the text of an issue for an element that a type does not
// have.
func (c *checker) unknownElementText(t *typeDef, name []byte) string {
	bare := strings.TrimPrefix(string(name), "_")
	if hint := hintsFor(c.version).elements[t.name+"."+bare]; hint != "" {
		return fmt.Sprintf("is not an element of %s: %s", t.name, hint)
	}
	for _, e := range t.elements {
		// for example valueInteger, if value[x] does not have that type
		if rest, ok := strings.CutPrefix(bare, e.name); ok && e.choice && (rest == "" || isUpper(rest[0])) {
			return fmt.Sprintf("is not an element of %s: its %s[x] is one of %s", t.name, e.name, listWords(e.choices))
		}
	}
	return "is not an element of " + t.name
}

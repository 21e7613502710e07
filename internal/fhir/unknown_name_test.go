package fhir

import "testing"

func TestHints(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ServiceRequest":  "ServiceRequest is of FHIR R4; STU3 has ProcedureRequest and ReferralRequest",
		"MedicationOrder": "MedicationOrder is of FHIR DSTU2; STU3 has MedicationRequest",
		"Nonsense":        "Nonsense is not a type of resource in STU3",
		"DomainResource":  "DomainResource is not a type of resource in STU3",
		"999911120":       "must be the name of a type of resource in STU3",
	} {
		issues := issuesOf(t, STU3, []byte(`{"resourceType":"`+name+`"}`))
		if len(issues) != 1 || issues[0].Text != want {
			t.Errorf("%s: want %q, found %v", name, want, issues)
		}
	}
}

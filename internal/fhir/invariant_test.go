package fhir

import (
	"fmt"
	"strings"
	"testing"
)

// invariantCases has, for each invariant, resources that violate it and nothing else,
// and resources that satisfy it. A data type is tested as the value of an extension of a
// Basic.
var invariantCases = map[string]struct{ violating, satisfying []string }{
	"ext-1": {[]string{`Extension {"url":"x"}`,
		`Extension {"url":"x","valueCode":"a","extension":[{"url":"y","valueCode":"a"}]}`},
		[]string{`Extension {"url":"x","extension":[{"url":"y","valueCode":"a"}]}`}},
	"per-1": {[]string{`Period {"start":"2024-02","end":"2024-01"}`},
		[]string{`Period {"start":"2024-02","end":"2024-02-01"}`, `Period {"start":"2024-02"}`}},
	"qty-3": {[]string{`Quantity {"value":1,"code":"kg"}`}, []string{`Quantity {"value":1,"unit":"kg"}`}},
	"rng-2": {[]string{`Range {"low":{"value":10},"high":{"value":9.5}}`},
		[]string{`Range {"low":{"value":9},"high":{"value":10}}`,
			`Range {"low":{"value":9,"unit":"g"},"high":{"value":1,"unit":"kg"}}`}},
	"rat-1": {[]string{`Ratio {"numerator":{"value":1}}`},
		[]string{`Ratio {"numerator":{"value":1},"denominator":{"value":2}}`}},
	"att-1": {[]string{`Attachment {"data":"AAAA"}`},
		[]string{`Attachment {"data":"AAAA","contentType":"text/plain"}`}},
	"cpt-2": {[]string{`ContactPoint {"value":"x"}`}, []string{`ContactPoint {"system":"phone","value":"x"}`}},
	"age-1": {[]string{`Age {"value":7}`, `Age {"value":0,"code":"a","system":"http://unitsofmeasure.org"}`},
		[]string{`Age {"value":7,"code":"a","system":"http://unitsofmeasure.org"}`}},
	"dis-1": {[]string{`Distance {"value":7}`},
		[]string{`Distance {"value":7,"code":"m","system":"http://unitsofmeasure.org"}`}},
	"cnt-3": {[]string{`Count {"value":7.5,"code":"1","system":"http://unitsofmeasure.org"}`},
		[]string{`Count {"value":7,"code":"1","system":"http://unitsofmeasure.org"}`}},
	"drt-1": {[]string{`Duration {"code":"h","system":"http://unitsofmeasure.org"}`,
		`Duration {"value":1,"code":"h","system":"urn:x:y"}`}, []string{`Duration {"value":1}`}},
	"mny-1": {[]string{`Money {"value":1}`},
		[]string{`Money {"value":1,"code":"EUR","system":"urn:iso:std:iso:4217"}`}},
	"tim-1": {[]string{`Timing {"repeat":{"duration":1}}`},
		[]string{`Timing {"repeat":{"duration":1,"durationUnit":"h"}}`}},
	"tim-2": {[]string{`Timing {"repeat":{"period":1}}`}, []string{`Timing {"repeat":{"period":1,"periodUnit":"d"}}`}},
	"tim-4": {[]string{`Timing {"repeat":{"duration":-1,"durationUnit":"h"}}`}, nil},
	"tim-5": {[]string{`Timing {"repeat":{"period":-1.5,"periodUnit":"h"}}`}, nil},
	"tim-6": {[]string{`Timing {"repeat":{"periodMax":1}}`}, nil},
	"tim-7": {[]string{`Timing {"repeat":{"durationMax":1}}`}, nil},
	"tim-8": {[]string{`Timing {"repeat":{"countMax":1}}`}, []string{`Timing {"repeat":{"count":1,"countMax":2}}`}},
	"tim-9": {[]string{`Timing {"repeat":{"offset":1}}`, `Timing {"repeat":{"offset":1,"when":["CM"]}}`},
		[]string{`Timing {"repeat":{"offset":1,"when":["HS"]}}`}},
	"tim-10": {[]string{`Timing {"repeat":{"timeOfDay":["08:00:00"],"when":["HS"]}}`}, nil},

	"obs-3": {[]string{observationWith(`"referenceRange":[{"type":{"text":"x"}}]`)},
		[]string{observationWith(`"referenceRange":[{"text":"x"}]`)}},
	"obs-6": {[]string{observationWith(`"valueString":"x","dataAbsentReason":{"text":"x"}`)},
		[]string{observationWith(`"dataAbsentReason":{"text":"x"}`)}},
	"obs-7": {[]string{`Observation {"status":"final","code":{"coding":[{"system":"a:b","code":"c"}]},` +
		`"valueString":"x","component":[{"code":{"coding":[{"system":"a:b","code":"c"}]}}]}`},
		[]string{`Observation {"status":"final","code":{"coding":[{"system":"a:b","code":"c"}]},` +
			`"valueString":"x","component":[{"code":{"coding":[{"system":"a:b","code":"d"}]}}]}`}},
	"ait-1": {[]string{`AllergyIntolerance {"verificationStatus":"confirmed","patient":{"display":"x"}}`},
		[]string{`AllergyIntolerance {"clinicalStatus":"active","verificationStatus":"confirmed",` +
			`"patient":{"display":"x"}}`}},
	"ait-2": {[]string{`AllergyIntolerance {"clinicalStatus":"active","verificationStatus":"entered-in-error",` +
		`"patient":{"display":"x"}}`},
		[]string{`AllergyIntolerance {"verificationStatus":"entered-in-error","patient":{"display":"x"}}`}},
	"con-1": {[]string{conditionWith(`"stage":{"extension":[{"url":"x","valueCode":"x"}]}`)},
		[]string{conditionWith(`"stage":{"summary":{"text":"x"}}`)}},
	"con-2": {[]string{conditionWith(`"evidence":[{"extension":[{"url":"x","valueCode":"x"}]}]`)},
		[]string{conditionWith(`"evidence":[{"code":[{"text":"x"}]}]`)}},
	"con-3": {[]string{`Condition {"subject":{"display":"x"}}`},
		[]string{`Condition {"verificationStatus":"entered-in-error","subject":{"display":"x"}}`}},
	"pro-1": {[]string{`Procedure {"status":"completed","subject":{"display":"x"},"notDoneReason":{"text":"x"}}`},
		[]string{`Procedure {"status":"completed","subject":{"display":"x"},` +
			`"notDone":true,"notDoneReason":{"text":"x"}}`}},
	"com-1": {[]string{`Communication {"status":"completed","notDone":false,"notDoneReason":{"text":"x"}}`},
		[]string{`Communication {"status":"completed","notDone":true,"notDoneReason":{"text":"x"}}`}},
	"fhs-1": {[]string{historyWith(`"ageString":"x","bornString":"x"`)}, []string{historyWith(`"ageString":"x"`)}},
	"fhs-2": {[]string{historyWith(`"estimatedAge":true`)},
		[]string{historyWith(`"estimatedAge":true,"ageString":"x"`)}},
	"fhs-3": {[]string{historyWith(`"notDoneReason":{"text":"x"}`)},
		[]string{historyWith(`"notDone":true,"notDoneReason":{"text":"x"}`)}},
	"gol-1": {[]string{`Goal {"status":"proposed","description":{"text":"x"},` +
		`"target":{"detailCodeableConcept":{"text":"x"}}}`},
		[]string{`Goal {"status":"proposed","description":{"text":"x"},"target":{"measure":{"text":"x"},` +
			`"detailCodeableConcept":{"text":"x"}}}`}},
	"imm-1": {[]string{immunizationWith(`"notGiven":true,"reaction":[{"reported":true}]`),
		immunizationWith(`"notGiven":true,"explanation":{"reason":[{"text":"x"}]}`)},
		[]string{immunizationWith(`"notGiven":true,"explanation":{"reasonNotGiven":[{"text":"x"}]}`)}},
	"imm-2": {[]string{immunizationWith(`"notGiven":false,"explanation":{"reasonNotGiven":[{"text":"x"}]}`)},
		[]string{immunizationWith(`"notGiven":false,"explanation":{"reason":[{"text":"x"}]}`)}},
	"imr-1": {[]string{`ImmunizationRecommendation {"patient":{"display":"x"},` +
		`"recommendation":[{"date":"2024","forecastStatus":{"text":"x"}}]}`},
		[]string{`ImmunizationRecommendation {"patient":{"display":"x"},` +
			`"recommendation":[{"date":"2024","forecastStatus":{"text":"x"},"targetDisease":{"text":"x"}}]}`}},
	"mad-1": {[]string{administrationWith(`"dosage":{"text":"x"}`)},
		[]string{administrationWith(`"dosage":{"dose":{"value":1}}`)}},
	"mad-2": {[]string{administrationWith(`"reasonNotGiven":[{"text":"x"}]`)},
		[]string{administrationWith(`"notGiven":true,"reasonNotGiven":[{"text":"x"}]`)}},
	"mad-3": {[]string{administrationWith(`"notGiven":true,"reasonCode":[{"text":"x"}]`)},
		[]string{administrationWith(`"notGiven":false,"reasonCode":[{"text":"x"}]`)}},
	"mdd-1": {[]string{`MedicationDispense {"medicationCodeableConcept":{"text":"x"},` +
		`"whenPrepared":"2024-02-02","whenHandedOver":"2024-02-01"}`},
		[]string{`MedicationDispense {"medicationCodeableConcept":{"text":"x"},` +
			`"whenPrepared":"2024-02-02","whenHandedOver":"2024-02-02T10:00:00Z"}`}},
	"mst-1": {[]string{statementWith(`"taken":"y","reasonNotTaken":[{"text":"x"}]`)},
		[]string{statementWith(`"taken":"n","reasonNotTaken":[{"text":"x"}]`)}},
	"cpl-3": {[]string{carePlanWith(`{"reference":{"display":"x"},"detail":{"status":"completed"}}`)},
		[]string{carePlanWith(`{"detail":{"status":"completed"}}`)}},
	"ras-2": {[]string{riskWith(`100.5`)}, []string{riskWith(`100`)}},
	"qrs-1": {[]string{`QuestionnaireResponse {"status":"completed","item":[{"linkId":"1",` +
		`"answer":[{"valueBoolean":true}],"item":[{"linkId":"2"}]}]}`},
		[]string{`QuestionnaireResponse {"status":"completed","item":[{"linkId":"1",` +
			`"answer":[{"valueBoolean":true,"item":[{"linkId":"2"}]}]}]}`}},
	"mda-1": {[]string{mediaWith("audio", `"height":1`)}, []string{mediaWith("photo", `"height":1`)}},
	"mda-2": {[]string{mediaWith("audio", `"width":1`)}, nil},
	"mda-3": {[]string{mediaWith("video", `"frames":1`)}, []string{mediaWith("photo", `"frames":1`)}},
	"mda-4": {[]string{mediaWith("photo", `"duration":1`)}, []string{mediaWith("video", `"duration":1`)}},

	"app-1": {[]string{appointmentWith(`{"status":"accepted"}`, ``)},
		[]string{appointmentWith(`{"status":"accepted","actor":{"display":"x"}}`, ``)}},
	"app-2": {[]string{`Appointment {"status":"proposed","participant":[{"status":"accepted",` +
		`"actor":{"display":"x"}}],"start":"2024-01-01T10:00:00Z"}`}, nil},
	"app-3": {[]string{`Appointment {"status":"booked","participant":[{"status":"accepted","actor":{"display":"x"}}]}`},
		[]string{appointmentWith(`{"status":"accepted","actor":{"display":"x"}}`,
			`,"start":"2024-01-01T10:00:00Z","end":"2024-01-01T10:00:00Z"`)}},
	"apr-1": {[]string{`AppointmentResponse {"appointment":{"display":"x"},"participantStatus":"accepted"}`},
		[]string{`AppointmentResponse {"appointment":{"display":"x"},` +
			`"participantStatus":"accepted","actor":{"display":"x"}}`}},
	"cmp-1": {[]string{compositionWith(`{"title":"x"}`)}, []string{compositionWith(`{"entry":[{"display":"x"}]}`)}},
	"cmp-2": {[]string{compositionWith(`{"entry":[{"display":"x"}],"emptyReason":{"text":"x"}}`)}, nil},
	"ppc-1": {[]string{`Consent {"status":"active","patient":{"display":"x"}}`},
		[]string{`Consent {"status":"active","patient":{"display":"x"},"policyRule":"urn:x:y"}`}},
	"grp-1": {[]string{`Group {"type":"person","actual":false,"member":[{"entity":{"display":"x"}}]}`},
		[]string{`Group {"type":"person","actual":true,"member":[{"entity":{"display":"x"}}]}`}},
	"lst-1": {[]string{`List {"status":"current","mode":"working","entry":[{"item":{"display":"x"}}],` +
		`"emptyReason":{"text":"x"}}`},
		[]string{`List {"status":"current","mode":"working","emptyReason":{"text":"x"}}`}},
	"lst-2": {[]string{`List {"status":"current","mode":"working","entry":[{"item":{"display":"x"},"deleted":true}]}`},
		[]string{`List {"status":"current","mode":"changes","entry":[{"item":{"display":"x"},"deleted":true}]}`}},
	"lnk-1": {[]string{`Linkage {"item":[{"type":"source","resource":{"display":"x"}}]}`},
		[]string{`Linkage {"item":[{"type":"source","resource":{"display":"x"}},` +
			`{"type":"alternate","resource":{"display":"x"}}]}`}},
	"org-1": {[]string{`Organization {"active":true}`}, []string{`Organization {"name":"x"}`}},
	"pat-1": {[]string{`Patient {"contact":[{"gender":"male"}]}`},
		[]string{`Patient {"contact":[{"telecom":[{"system":"phone","value":"x"}]}]}`}},
	"sev-1": {[]string{auditWith(`{"name":"x","query":"AAAA"}`)}, []string{auditWith(`{"name":"x"}`)}},
	"inv-1": {[]string{`Parameters {"parameter":[{"name":"x"}]}`,
		`Parameters {"parameter":[{"name":"x","valueCode":"a","resource":{"resourceType":"Patient"}}]}`,
		`Task {"status":"completed","intent":"order","authoredOn":"2024-02-01","lastModified":"2024-01-01"}`},
		[]string{`Parameters {"parameter":[{"name":"x","part":[{"name":"y","valueCode":"a"}]}]}`,
			`Task {"status":"completed","intent":"order","authoredOn":"2024-02-01","lastModified":"2024-02-01"}`}},
	"rqg-1": {[]string{`RequestGroup {"status":"draft","intent":"plan","action":[{"title":"x"}]}`},
		[]string{`RequestGroup {"status":"draft","intent":"plan","action":[{"resource":{"display":"x"}}]}`}},

	"que-1": {[]string{questionnaireWith(`{"linkId":"1","type":"group"}`),
		questionnaireWith(`{"linkId":"1","type":"display","item":[{"linkId":"2","type":"string"}]}`)},
		[]string{questionnaireWith(`{"linkId":"1","type":"group","item":[{"linkId":"2","type":"string"}]}`)}},
	"que-2": {[]string{questionnaireWith(`{"linkId":"1","type":"group","item":[{"linkId":"1","type":"string"}]}`)},
		nil},
	"que-3": {[]string{questionnaireWith(`{"linkId":"1","type":"display","code":[{"code":"x"}]}`)}, nil},
	"que-4": {[]string{questionnaireWith(`{"linkId":"1","type":"choice","option":[{"valueString":"x"}],` +
		`"options":{"display":"x"}}`)},
		[]string{questionnaireWith(`{"linkId":"1","type":"choice","option":[{"valueString":"x"}]}`)}},
	"que-5": {[]string{questionnaireWith(`{"linkId":"1","type":"string","option":[{"valueString":"x"}]}`)}, nil},
	"que-6": {[]string{questionnaireWith(`{"linkId":"1","type":"display","required":true}`)}, nil},
	"que-7": {[]string{questionnaireWith(`{"linkId":"1","type":"string","enableWhen":[{"question":"0"}]}`)},
		[]string{questionnaireWith(`{"linkId":"1","type":"string","enableWhen":[{"question":"0","hasAnswer":true}]}`)}},
	"que-8": {[]string{questionnaireWith(`{"linkId":"1","type":"display","initialString":"x"}`)},
		[]string{questionnaireWith(`{"linkId":"1","type":"string","initialString":"x"}`)}},
	"que-9": {[]string{questionnaireWith(`{"linkId":"1","type":"display","readOnly":true}`)}, nil},
	"que-10": {[]string{questionnaireWith(`{"linkId":"1","type":"date","maxLength":1}`)},
		[]string{questionnaireWith(`{"linkId":"1","type":"text","maxLength":1}`)}},
	"vsd-1": {[]string{valueSetWith(`{"version":"1"}`)}, []string{valueSetWith(`{"valueSet":["urn:x:y"]}`)}},
	"vsd-2": {[]string{valueSetWith(`{"valueSet":["urn:x:y"],"concept":[{"code":"a"}]}`)}, nil},
	"vsd-3": {[]string{valueSetWith(`{"system":"urn:x:y","concept":[{"code":"a"}],"filter":[{"property":"x",` +
		`"op":"=","value":"y"}]}`)}, nil},
	"vsd-5": {[]string{`ValueSet {"status":"draft"}`}, nil},
	"vsd-6": {[]string{expansionWith(`{"system":"urn:x:y","abstract":true}`)},
		[]string{expansionWith(`{"display":"x","abstract":true}`)}},
	"vsd-10": {[]string{expansionWith(`{"code":"x"}`)}, []string{expansionWith(`{"code":"x","system":"urn:x:y"}`)}},
	"opd-1": {[]string{operationWith(`{"name":"x","use":"in","min":0,"max":"1"}`)},
		[]string{operationWith(`{"name":"x","use":"in","min":0,"max":"1","type":"string"}`)}},
	"sdf-6": {[]string{`StructureDefinition {"url":"urn:x:y","name":"x","status":"draft","kind":"logical",` +
		`"abstract":true,"type":"x"}`}, nil},
	"spd-1": {[]string{`SearchParameter {"url":"urn:x:y","name":"x","status":"draft","code":"x",` +
		`"base":["Patient"],"type":"string","description":"x","xpath":"x"}`}, nil},
	"cpb-1": {[]string{capabilityWith(`"description":"x"`)}, nil},
	"cpb-2": {[]string{capabilityWith(`"document":[{"mode":"producer","profile":{"display":"x"}}]`)},
		[]string{capabilityWith(`"description":"x","document":[{"mode":"producer","profile":{"display":"x"}}]`)}},
	"eld-2": {[]string{`DataElement {"status":"draft","element":[{"path":"x","min":2,"max":"1"}]}`},
		[]string{`DataElement {"status":"draft","element":[{"path":"x","min":2,"max":"*"}]}`}},
}

func observationWith(s string) string {
	return `Observation {"status":"final","code":{"text":"x"},` + s + `}`
}
func conditionWith(s string) string {
	return `Condition {"clinicalStatus":"active","subject":{"display":"x"},` + s + `}`
}
func historyWith(s string) string {
	return `FamilyMemberHistory {"status":"completed","patient":{"display":"x"},"relationship":{"text":"x"},` + s + `}`
}
func immunizationWith(s string) string {
	return `Immunization {"status":"completed","vaccineCode":{"text":"x"},"patient":{"display":"x"},` +
		`"primarySource":true,` + s + `}`
}
func administrationWith(s string) string {
	return `MedicationAdministration {"status":"completed","medicationCodeableConcept":{"text":"x"},` +
		`"subject":{"display":"x"},"effectiveDateTime":"2024",` + s + `}`
}
func statementWith(s string) string {
	return `MedicationStatement {"status":"active","medicationCodeableConcept":{"text":"x"},` +
		`"subject":{"display":"x"},` + s + `}`
}
func carePlanWith(s string) string {
	return `CarePlan {"status":"active","intent":"plan","subject":{"display":"x"},"activity":[` + s + `]}`
}
func riskWith(s string) string {
	return `RiskAssessment {"status":"final","prediction":[{"outcome":{"text":"x"},"probabilityDecimal":` + s + `}]}`
}
func mediaWith(kind, s string) string {
	return `Media {"type":"` + kind + `","content":{"url":"urn:x:y"},` + s + `}`
}
func appointmentWith(participant, s string) string {
	return `Appointment {"status":"cancelled","participant":[` + participant + `]` + s + `}`
}
func compositionWith(s string) string {
	return `Composition {"status":"final","type":{"text":"x"},"subject":{"display":"x"},` +
		`"date":"2024","author":[{"display":"x"}],"title":"x","section":[` + s + `]}`
}
func auditWith(s string) string {
	return `AuditEvent {"type":{"code":"x"},"recorded":"2024-01-01T10:00:00Z","agent":[{"requestor":true}],` +
		`"source":{"identifier":{"value":"x"}},"entity":[` + s + `]}`
}
func questionnaireWith(s string) string { return `Questionnaire {"status":"draft","item":[` + s + `]}` }
func valueSetWith(s string) string {
	return `ValueSet {"status":"draft","compose":{"include":[` + s + `]}}`
}
func expansionWith(s string) string {
	return `ValueSet {"status":"draft","expansion":{"identifier":"urn:x:y","timestamp":"2024","contains":[` + s + `]}}`
}
func operationWith(s string) string {
	return `OperationDefinition {"name":"x","status":"draft","kind":"operation","code":"x","system":true,` +
		`"type":false,"instance":false,"parameter":[` + s + `]}`
}
func capabilityWith(s string) string {
	return `CapabilityStatement {"status":"draft","date":"2024","kind":"requirements","fhirVersion":"3.0.1",` +
		`"acceptUnknown":"no","format":["json"],` + s + `}`
}

// caseBody returns the resource of a case "Type {…}".
func caseBody(s string) string {
	name, rest, _ := strings.Cut(s, " ")
	switch {
	case name == "Extension":
		return `{"resourceType":"Basic","code":{"text":"x"},"extension":[` + rest + `]}`
	case stu3().types[name].resource:
		return fmt.Sprintf(`{"resourceType":%q,%s`, name, rest[1:])
	}
	return fmt.Sprintf(`{"resourceType":"Basic","code":{"text":"x"},"extension":[{"url":"urn:x:y","value%s":%s}]}`,
		name, rest)
}

func TestInvariants(t *testing.T) {
	t.Parallel()
	for _, r := range stu3Invariants() {
		key, _, _ := strings.Cut(r.key, "@")
		if _, ok := invariantCases[key]; !ok {
			t.Errorf("%s has no case", key)
		}
	}
	for key, tt := range invariantCases {
		t.Run(key, func(t *testing.T) {
			for _, s := range tt.violating {
				if issues := issuesOf(t, STU3, []byte(caseBody(s))); len(issues) != 1 || issues[0].Key != key {
					t.Errorf("%s\n\twant a violation and nothing else, found %v", s, issues)
				}
			}
			for _, s := range tt.satisfying {
				if issues := issuesOf(t, STU3, []byte(caseBody(s))); len(issues) > 0 {
					t.Errorf("%s\n\twant no issues, found %v", s, issues)
				}
			}
		})
	}
}

// An invariant that no type has would never be checked.
func TestInvariantsAreUsed(t *testing.T) {
	t.Parallel()
	used := map[*invariant]bool{}
	for _, typ := range stu3().types {
		for _, r := range typ.loaded().invariants {
			used[r] = true
		}
	}
	for key, r := range stu3().invariants {
		if !used[r] {
			t.Errorf("no type has %s", key)
		}
	}
}

package fhir

import (
	"strings"
	"testing"
)

func TestSyntax(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, at, words string }{
		{"nothing", "", "", "is empty"},
		{"space", " \n\t", "", "is empty"},
		{"XML", "\n<Patient xmlns=\"http://hl7.org/fhir\"/>", "", "is XML"},
		{"array", " [{}]", "", "is a JSON array"},
		{"string", `"x"`, "", "not a JSON object"},
		{"number", `7`, "", "not a JSON object"},
		{"null", `null`, "", "not a JSON object"},
		{"byte order mark", "\xef\xbb\xbf{}", "", "byte order mark"},
		{"UTF-8", "{\"resourceType\":\n\"Patient\xff\"}", "", "not valid UTF-8 (line 2, column 9)"},
		{"UTF-16", "{\x00\"\x00", "Resource", "name of a member is expected (line 1, column 2)"},
		{"too large", `{"resourceType":"` + strings.Repeat("x", MaxBody) + `"}`, "", "more than 10485760"},
		{"too deep", strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70), "Resource" + strings.Repeat(".a", 64),
			"more than 64 levels"},
		{"too deep arrays", `{"resourceType":"Patient","name":` + strings.Repeat(`[`, 500000),
			"Patient.name" + strings.Repeat("[0]", 63), "more than 64 levels"},
		{"too many", `{"resourceType":"Patient","name":[` + strings.Repeat(`0,`, maxValues+1) + `0]}`, "Patient.name",
			"more than 1048576 values"},
		{"cut off", `{"resourceType":"Patient","name":[{"family":"de V`, "Patient.name[0].family",
			"ends before it is complete"},
		{"cut off in a name", `{"resourceType":"Patient","na`, "Patient", "ends before it is complete"},
		{"cut off in a word", `{"resourceType":"Patient","active":tr`, "Patient.active", "ends before it is complete"},
		{"cut off in an escape", `{"resourceType":"Patient","active":"\u00`, "Patient.active",
			"ends before it is complete"},
		{"cut off after a comma", `{"resourceType":"Patient",`, "Patient", "ends before it is complete"},
		{"behind the end", `{"resourceType":"Patient"} x`, "", "behind the end"},
		{"two", `{"resourceType":"Patient"}{}`, "", "behind the end"},
		{"comma at the end", `{"resourceType":"Patient",}`, "Patient", "the name of a member"},
		{"comma at the end of an array", `{"resourceType":"Patient","name":[{},]}`, "Patient.name[1]",
			"a value is expected"},
		{"no comma", `{"resourceType":"Patient" "active":true}`, "Patient", "a comma or the end of an object"},
		{"no comma in an array", `{"resourceType":"Patient","name":[{} {}]}`, "Patient.name",
			"a comma or the end of an array"},
		{"no colon", `{"resourceType" "Patient"}`, "Resource", "a colon"},
		{"bare name", `{resourceType:"Patient"}`, "Resource", "the name of a member"},
		{"single quotes", `{'resourceType':'Patient'}`, "Resource", "the name of a member"},
		{"comment", `{"resourceType":"Patient" /* x */}`, "Patient", "a comma"},
		{"leading zero", `{"resourceType":"Patient","multipleBirthInteger":01}`, "Patient.multipleBirthInteger",
			"a number has a wrong form"},
		{"plus", `{"resourceType":"Patient","multipleBirthInteger":+1}`, "Patient.multipleBirthInteger", "a value"},
		{"point", `{"resourceType":"Patient","multipleBirthInteger":1.}`, "Patient.multipleBirthInteger",
			"a number has a wrong form"},
		{"NaN", `{"resourceType":"Patient","multipleBirthInteger":NaN}`, "Patient.multipleBirthInteger", "a value"},
		{"True", `{"resourceType":"Patient","active":True}`, "Patient.active", "a value"},
		{"escape", `{"resourceType":"Patient","id":"\x"}`, "Patient.id", "an escape that is none"},
		{"high surrogate alone", `{"resourceType":"Patient","id":"\ud800 and more"}`, "Patient.id",
			"a string has an escape that is none: one half of a surrogate pair"},
		{"low surrogate alone", `{"resourceType":"Patient","id":"\udc00"}`, "Patient.id",
			"one half of a surrogate pair"},
		{"surrogates in the wrong order", `{"resourceType":"Patient","id":"\udc00\ud800"}`, "Patient.id",
			"without the other (line 1, column 33)"},
		{"high surrogate in a name", `{"resourceType":"Patient","\ud800":1}`, "Patient",
			"the name of a member has an escape that is none: one half of a surrogate pair"},
		{"low surrogate in a name", `{"\udfff":1,"resourceType":"Patient"}`, "Resource",
			"one half of a surrogate pair"},
		{"surrogate and a letter in a name", `{"resourceType":"Patient","\ud800\u0041":1}`, "Patient",
			"one half of a surrogate pair"},
		{"surrogate in the first name, and no more", `{"\ud800":`, "Resource", "one half of a surrogate pair"},
		{"cut off in a surrogate pair", `{"resourceType":"Patient","\ud800\udc`, "Patient",
			"ends before it is complete"},
		{"escape in a name", `{"resourceType":"Patient","\x":1}`, "Patient", "the name of a member has an escape"},
		{"control character in a name", "{\"resourceType\":\"Patient\",\"a\x00b\":1}", "Patient",
			"the name of a member has a control character"},
		{"control character", "{\"resourceType\":\"Patient\",\"id\":\"a\nb\"}", "Patient.id", "a control character"},
		{"escaped control character", `{"resourceType":"Patient","name":[{"family":"a\u0000b"}]}`,
			"Patient.name[0].family", "has a control character"},
		{"twice", `{"resourceType":"Patient","name":[{"family":"a","use":"usual","family":"b"}]}`,
			"Patient.name[0].family", "has had before"},
		{"twice, escaped", `{"resourceType":"Patient","active":true,"\u0061ctive":false}`, "Patient.active",
			"has had before"},
		{"type twice", `{"resourceType":"Patient","resourceType":"Person"}`, "Patient.resourceType", "has had before"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			issues := issuesOf(t, STU3, []byte(tt.body))
			wantIssue(t, issues, tt.at, tt.words)
			if len(issues) != 1 {
				t.Errorf("want one issue, found %v", issues)
			}
			if len(tt.body) < 1000 {
				wantIssue(t, prepareIssues(t, STU3, tt.body), tt.at, tt.words)
			}
		})
	}
}

func TestTwiceAmongMany(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`{"resourceType":"Patient"`)
	for i := range 100 {
		b.WriteString(`,"a` + strings.Repeat("b", i) + `":1`)
	}
	issues := issuesOf(t, STU3, []byte(b.String()+`,"abbb":1}`))
	wantIssue(t, issues, "Patient.abbb", "has had before")
}

package fhir

import "encoding/json"

// Outcome is the faults as an OperationOutcome in JSON, the way that FHIR
// answers with what is wrong (https://hl7.org/fhir/STU3/operationoutcome.html).
func (f *ValidationError) Outcome() []byte {
	o := operationOutcome{ResourceType: "OperationOutcome"}
	for _, x := range f.Issues {
		i := outcomeIssue{Severity: "error", Code: x.Code, Diagnostics: x.String()}
		if x.Location != "" {
			i.Expression = []string{x.Location}
		}
		if x.Key != "" {
			i.Details = &outcomeDetails{Text: x.Key}
		}
		o.Issue = append(o.Issue, i)
	}
	if f.Truncated {
		o.Issue = append(o.Issue, outcomeIssue{Severity: "information", Code: "informational", Diagnostics: "There are more faults."})
	}
	if len(o.Issue) == 0 {
		o.Issue = []outcomeIssue{{Severity: "information", Code: "informational", Diagnostics: "There are no faults."}}
	}
	text, err := json.Marshal(o)
	if err != nil { // there is nothing in it that could not be written
		return []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}`)
	}
	return text
}

// Outcome is the report as an OperationOutcome in JSON: the profiles that the
// resources claim, and what was not checked.
func (r *Report) Outcome() []byte {
	var f ValidationError
	o := operationOutcome{ResourceType: "OperationOutcome"}
	inform := func(text string) {
		o.Issue = append(o.Issue, outcomeIssue{Severity: "information", Code: "informational", Diagnostics: text})
	}
	if !r.StructureChecked {
		inform(r.notCheckedText())
	}
	for _, p := range r.Profiles {
		inform("Claims the profile " + p + ", which is not checked.")
	}
	if len(o.Issue) == 0 {
		return f.Outcome()
	}
	text, err := json.Marshal(o)
	if err != nil {
		return f.Outcome()
	}
	return text
}

func (r *Report) notCheckedText() string {
	return "The structure is not checked: there are no definitions of FHIR " + r.Version.String() + " here."
}

type operationOutcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []outcomeIssue `json:"issue"`
}

type outcomeIssue struct {
	Severity    string          `json:"severity"`
	Code        IssueCode       `json:"code"`
	Details     *outcomeDetails `json:"details,omitempty"`
	Diagnostics string          `json:"diagnostics"`
	Expression  []string        `json:"expression,omitempty"`
}

type outcomeDetails struct {
	Text string `json:"text"`
}

package fhir

import "encoding/json"

// OperationOutcome returns the issues as an OperationOutcome in JSON
// (https://hl7.org/fhir/STU3/operationoutcome.html). Notes are sentences that come before
// the issues.
func (e *ValidationError) OperationOutcome(notes ...string) []byte {
	o := operationOutcome{ResourceType: "OperationOutcome"}
	o.inform(notes...)
	for _, x := range e.Issues {
		i := outcomeIssue{Severity: "error", Code: x.Code, Diagnostics: x.String()}
		if at := x.expression(); at != "" {
			i.Expression = []string{at}
		}
		if x.Key != "" {
			i.Details = &outcomeDetails{Text: x.Key}
		}
		o.Issue = append(o.Issue, i)
	}
	if e.Truncated {
		o.inform("There are more faults.")
	}
	if len(o.Issue) == 0 {
		o.inform("There are no faults.")
	}
	text, err := json.Marshal(o)
	if err != nil { // cannot happen: every field is a string
		return []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}`)
	}
	return text
}

type operationOutcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []outcomeIssue `json:"issue"`
}

// inform adds sentences that are no faults.
func (o *operationOutcome) inform(texts ...string) {
	for _, text := range texts {
		o.Issue = append(o.Issue, outcomeIssue{Severity: "information", Code: "informational", Diagnostics: text})
	}
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

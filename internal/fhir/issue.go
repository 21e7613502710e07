package fhir

import (
	"fmt"
	"strings"
)

// An IssueCode is the kind of an issue, from FHIR's value set issue-type
// (https://hl7.org/fhir/STU3/valueset-issue-type.html).
type IssueCode string

// The codes that issues of this package have.
const (
	CodeInvalid     IssueCode = "invalid"       // not JSON, or not a supported body
	CodeStructure   IssueCode = "structure"     // an element that is unknown, misplaced or repeated
	CodeRequired    IssueCode = "required"      // an element is missing
	CodeValue       IssueCode = "value"         // a value has the wrong form
	CodeCodeInvalid IssueCode = "code-invalid"  // a code is not in the value set
	CodeInvariant   IssueCode = "invariant"     // an invariant is violated
	CodeTooLong     IssueCode = "too-long"      // larger than a limit
	CodeNotFound    IssueCode = "not-found"     // a reference has no target
	CodeBusiness    IssueCode = "business-rule" // a rule for sending
)

// An Issue is one thing that is wrong, as in an OperationOutcome.
type Issue struct {
	// Location is a path such as Bundle.entry[1].resource.status, empty for the whole
	// body.
	Location string    `json:"location,omitempty"`
	Code     IssueCode `json:"code"`
	// Key is the key of the invariant that is violated, such as obs-6, or empty.
	Key string `json:"key,omitempty"`
	// Text continues the location: "is required". It has no personal data.
	Text string `json:"text"`
}

// String returns the location and the text.
func (i Issue) String() string {
	if i.Location == "" {
		return i.Text
	}
	return i.Location + ": " + i.Text
}

// expression returns the location as a FHIRPath expression. It leads to the parent of an
// element that has no name which could be written, and to a choice without its type.
func (i Issue) expression() string {
	at, _, _ := strings.Cut(i.Location, ".(unknown)")
	return strings.TrimSuffix(at, "[x]")
}

// A ValidationError is the error for a body that is not valid or may not be sent.
type ValidationError struct {
	// Issues are in the order in which they were found.
	Issues []Issue
	// Truncated is set if there are more issues than maxIssues; the rest is not listed.
	Truncated bool
}

// Error returns the first issue and the number of the others.
func (e *ValidationError) Error() string {
	if len(e.Issues) == 0 {
		return "no faults"
	}
	s := e.Issues[0].String()
	switch n := len(e.Issues) - 1; {
	case e.Truncated:
		return fmt.Sprintf("%s (and more than %d other faults)", s, n)
	case n == 1:
		return s + " (and one other fault)"
	case n > 1:
		return fmt.Sprintf("%s (and %d other faults)", s, n)
	}
	return s
}

// add adds an issue, up to the limit.
func (e *ValidationError) add(i Issue) {
	if len(e.Issues) >= maxIssues {
		e.Truncated = true
		return
	}
	e.Issues = append(e.Issues, i)
}

// errOrNil returns e as an error, or nil if there are no issues.
func (e *ValidationError) errOrNil() error {
	if len(e.Issues) == 0 {
		return nil
	}
	return e
}

// safeName returns a name from a body as a string, and whether it may appear in an issue.
// A name that may be personal data, such as a number, may not.
func safeName[T string | []byte](name T) (string, bool) {
	if len(name) == 0 || len(name) > 40 {
		return "", false
	}
	digits := 0
	for i, c := range []byte(name) {
		switch {
		case isLetter(c):
		case c == '_' && i == 0:
		case isDigit(c) && i > 0 && digits < 4: // base64Binary, value1; but not a personal number
			digits++
		default:
			return "", false
		}
	}
	return string(name), true
}

// listWords joins up to maxListed words to a text.
func listWords(words []string) string {
	const maxListed = 12
	if len(words) > maxListed {
		return strings.Join(words[:maxListed], ", ") + " and others"
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

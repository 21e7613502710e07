package fhir

import (
	"fmt"
	"strings"
)

// A Code says what sort of fault it is, in the codes of FHIR's issue-type
// (https://hl7.org/fhir/STU3/valueset-issue-type.html).
type IssueCode string

// The codes in use.
const (
	CodeInvalid     IssueCode = "invalid"       // not JSON, or not a body that is read here
	CodeStructure   IssueCode = "structure"     // an element that is unknown, misplaced or repeated
	CodeRequired    IssueCode = "required"      // an element is missing
	CodeValue       IssueCode = "value"         // a value has the wrong form
	CodeCodeInvalid IssueCode = "code-invalid"  // a code is not in the value set
	CodeInvariant   IssueCode = "invariant"     // a rule of the definitions is broken
	CodeTooLong     IssueCode = "too-long"      // larger than is read here
	CodeNotFound    IssueCode = "not-found"     // a reference leads nowhere
	CodeBusiness    IssueCode = "business-rule" // a rule for sending
)

// A Fault is one thing that is wrong.
type Issue struct {
	// Location is a path such as Bundle.entry[1].resource.status; empty where the
	// whole body is meant.
	Location string    `json:"location,omitempty"`
	Code     IssueCode `json:"code"`
	// Key is the invariant that is broken, such as obs-6, if it is one.
	Key string `json:"key,omitempty"`
	// Text reads on from the location: "is required". It holds nothing personal.
	Text string `json:"text"`
}

func (f Issue) String() string {
	if f.Location == "" {
		return f.Text
	}
	return f.Location + ": " + f.Text
}

// ValidationError is the error of a body that is not well formed or may not be sent.
type ValidationError struct {
	Issues []Issue
	// More says that there are more faults than MaxIssues, which is all that is listed.
	Truncated bool
}

func (f *ValidationError) Error() string {
	if len(f.Issues) == 0 {
		return "no faults"
	}
	s := f.Issues[0].String()
	switch n := len(f.Issues) - 1; {
	case f.Truncated:
		return fmt.Sprintf("%s (and more than %d other faults)", s, n)
	case n == 1:
		return s + " (and one other fault)"
	case n > 1:
		return fmt.Sprintf("%s (and %d other faults)", s, n)
	}
	return s
}

// add collects a fault, up to the bound.
func (f *ValidationError) add(x Issue) {
	if len(f.Issues) >= MaxIssues {
		f.Truncated = true
		return
	}
	f.Issues = append(f.Issues, x)
}

// orNil is f as an error, nil if there are no faults.
func (f *ValidationError) errOrNil() error {
	if len(f.Issues) == 0 {
		return nil
	}
	return f
}

// safeName is the name of an element or type that is not one of the
// definitions' as a fault may repeat it.
func safeName[T string | []byte](name T) (string, bool) {
	if len(name) == 0 || len(name) > 40 {
		return "", false
	}
	digits := 0
	for i, c := range []byte(name) {
		switch {
		case isLetter(c):
		case c == '_' && i == 0:
		case isDigit(c) && i > 0 && digits < 4: // base64Binary, value1; but no number of a person
			digits++
		default:
			return "", false
		}
	}
	return string(name), true
}

// listed shows up to a dozen words of a list.
func listWords(words []string) string {
	const most = 12
	if len(words) > most {
		return strings.Join(words[:most], ", ") + " and others"
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
	return strings.Join(words, "")
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

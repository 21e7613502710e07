package simulator

// issueCodes are the codes of FHIR's value set issue-type, by HTTP status.
var issueCodes = map[int]string{
	400: "invalid", 401: "security", 403: "forbidden", 404: "not-found", 405: "not-supported",
	406: "not-supported", 409: "conflict", 410: "not-found", 412: "conflict", 413: "too-long",
	415: "not-supported", 422: "business-rule", 429: "throttled",
	500: "exception", 501: "not-supported", 502: "transient", 503: "transient", 504: "timeout",
}

// issue is one issue of an OperationOutcome.
type issue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

type operationOutcome struct {
	ResourceType string  `json:"resourceType"`
	Issue        []issue `json:"issue"`
}

// newOperationOutcome returns an OperationOutcome with one issue.
func newOperationOutcome(status int, text string, at ...string) operationOutcome {
	code, severity := issueCodes[status], "error"
	if status < 400 {
		code, severity = "informational", "information"
	}
	return operationOutcome{"OperationOutcome", []issue{{severity, code, text, at}}}
}

// outcomeResponse returns a response whose body is an OperationOutcome with one issue.
func outcomeResponse(status int, text string, at ...string) response {
	return jsonResponse(status, fhirJSON, newOperationOutcome(status, text, at...))
}

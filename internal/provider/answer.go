package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/carrelhq/carrel/internal/library"
)

// sent is what the answer is compared with.
type sent struct {
	bundle  bool
	entries int
}

// describe says what there is to be answered. Package fhir has looked at the resource
// long before; here only its entries are counted.
func describe(r library.Resource) (sent, error) {
	if r.Path != "" {
		return sent{}, nil
	}
	var b struct {
		ResourceType string            `json:"resourceType"`
		Entry        []json.RawMessage `json:"entry"`
	}
	if err := json.Unmarshal(r.Body, &b); err != nil || b.ResourceType != "Bundle" {
		return sent{}, errors.New("a resource without a path that is no Bundle")
	}
	return sent{bundle: true, entries: len(b.Entry)}, nil
}

// readBatchResponse returns the status of each entry of a batch-response or
// transaction-response, in order; 0 where an entry has none. Entries are matched by
// position, as a response has no back-reference (FHIR, "batch/transaction response").
func readBatchResponse(body []byte) ([]int, error) {
	var b struct {
		ResourceType string `json:"resourceType"`
		Type         string `json:"type"`
		Entry        []struct {
			Response struct {
				Status string `json:"status"`
			} `json:"response"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(TrimBOM(body), &b); err != nil {
		return nil, errors.New("read batch-response: not the JSON of a Bundle")
	}
	if b.ResourceType != "Bundle" || b.Type != "batch-response" && b.Type != "transaction-response" {
		return nil, errors.New("read batch-response: another kind of resource")
	}
	statuses := make([]int, len(b.Entry))
	for i, e := range b.Entry {
		statuses[i] = entryStatus(e.Response.Status)
	}
	return statuses, nil
}

// entryStatus reads the status of an entry: "201", or "201 Created".
func entryStatus(text string) int {
	code, _, _ := strings.Cut(text, " ")
	if len(code) != 3 {
		return 0
	}
	n := 0
	for _, d := range []byte(code) {
		if d < '0' || d > '9' {
			return 0
		}
		n = 10*n + int(d-'0')
	}
	return n
}

// jsonBody is the body if it is JSON.
func jsonBody(body []byte) []byte {
	if body = TrimBOM(body); len(body) > 0 && json.Valid(body) {
		return body
	}
	return nil
}

// TrimBOM takes off the mark that some servers begin UTF-8 with; in JSON that is against
// RFC 8259.
func TrimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }

// webPage reports whether an answer is a page for people.
func webPage(r Reply) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "text/html" || kind == "application/xhtml+xml")
}

// bearerError is the error code that a provider gives with a 401 or 403 (RFC 6750,
// section 3.1), if it is one of those that the RFC knows.
func bearerError(challenge string) string {
	scheme, rest, _ := strings.Cut(challenge, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	for _, code := range []string{"invalid_request", "invalid_token", "insufficient_scope"} {
		if strings.Contains(rest, fmt.Sprintf("error=%q", code)) {
			return code
		}
	}
	return ""
}

package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
)

// sent is what the answer is compared with.
type sent struct {
	bundle  bool
	entries int
}

// describe says what there is to be answered. Package fhir has looked at the resource
// long before; here only its entries are counted.
func describe(r delivery.Resource) (sent, error) {
	if r.Path != "" {
		return sent{}, nil
	}
	_, entries, err := readBundle(r.Body)
	if err != nil {
		return sent{}, errors.New("a resource without a path that is no Bundle")
	}
	return sent{bundle: true, entries: len(entries)}, nil
}

// readBatchResponse returns the status of each entry of a batch-response or
// transaction-response, in order; 0 where an entry has none. Entries are matched by
// position, as a response has no back-reference (FHIR, "batch/transaction response").
func readBatchResponse(body []byte) ([]int, error) {
	kind, entries, err := readBundle(TrimBOM(body))
	if err != nil {
		return nil, fmt.Errorf("read batch-response: %w", err)
	}
	if kind != "batch-response" && kind != "transaction-response" {
		return nil, errors.New("read batch-response: another kind of Bundle")
	}
	statuses := make([]int, len(entries))
	for i, e := range entries {
		text, err := responseStatus(e)
		if err != nil {
			return nil, fmt.Errorf("read batch-response: entry %d: %w", i+1, err)
		}
		statuses[i] = entryStatus(text)
	}
	return statuses, nil
}

// readBundle returns a Bundle's type and entries.
func readBundle(body []byte) (kind string, entries []json.RawMessage, err error) {
	if !json.Valid(body) {
		return "", nil, errors.New("not JSON")
	}
	m, err := membersOf(body)
	if err != nil {
		return "", nil, err
	}
	var resource string
	if err := errors.Join(m.get("resourceType", &resource), m.get("type", &kind), m.get("entry", &entries)); err != nil {
		return "", nil, err
	}
	if resource != "Bundle" {
		return "", nil, errors.New("another kind of resource")
	}
	return kind, entries, nil
}

// responseStatus is the status of an entry as it stands there, empty if there is none.
func responseStatus(entry json.RawMessage) (string, error) {
	e, err := membersOf(entry)
	if err != nil {
		return "", err
	}
	response, err := membersOf(e["response"])
	if err != nil {
		return "", err
	}
	var status string
	err = response.get("status", &status)
	return status, err
}

// members are an object's. encoding/json takes a name for a struct's field in whatever
// case it is, and the last of two: then "Entry" counts instead of "entry". FHIR's names
// are exact.
type members map[string]json.RawMessage

// membersOf reads the members of an object that is known to be JSON; null and nothing
// have none. Of a name that is there twice nobody can say which counts.
func membersOf(object json.RawMessage) (members, error) {
	if len(object) == 0 || string(object) == "null" {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	m := members{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, errors.New("not an object")
		}
		name, _ := t.(string)
		if _, ok := m[name]; ok {
			return nil, errors.New("a name that its object has had before")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, errors.New("not an object")
		}
		m[name] = value
	}
	return m, nil
}

// get reads a member, if it is there.
func (m members) get(name string, into any) error {
	value, ok := m[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%s is not as expected", name) // the cause repeats it
	}
	return nil
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

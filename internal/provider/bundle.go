package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
)

// sentResource is what is known of a resource that was sent, for the comparison with the
// response.
type sentResource struct {
	bundle  bool
	entries int
}

// describeResource counts the entries of a Bundle. Package fhir has checked the resource
// before.
func describeResource(r delivery.Resource) (sentResource, error) {
	if r.Path != "" {
		return sentResource{}, nil
	}
	_, entries, err := readBundle(r.Body)
	if err != nil {
		return sentResource{}, errors.New("a resource without a path that is not a Bundle")
	}
	return sentResource{bundle: true, entries: len(entries)}, nil
}

// readBatchResponse returns the status of each entry of a batch-response or
// transaction-response, in order; 0 for an entry without one. Entries are matched by
// position, as a response entry does not name its request (FHIR, "batch/transaction
// response").
func readBatchResponse(body []byte) ([]int, error) {
	bundleType, entries, err := readBundle(TrimBOM(body))
	if err != nil {
		return nil, fmt.Errorf("read batch-response: %w", err)
	}
	if bundleType != "batch-response" && bundleType != "transaction-response" {
		return nil, errors.New("read batch-response: another type of Bundle")
	}
	statuses := make([]int, len(entries))
	for i, entry := range entries {
		text, err := responseStatus(entry)
		if err != nil {
			return nil, fmt.Errorf("read batch-response: entry %d: %w", i+1, err)
		}
		statuses[i] = parseEntryStatus(text)
	}
	return statuses, nil
}

// readBundle returns a Bundle's type and entries.
func readBundle(body []byte) (bundleType string, entries []json.RawMessage, err error) {
	if !json.Valid(body) {
		return "", nil, errors.New("not JSON")
	}
	bundle, err := parseObject(body)
	if err != nil {
		return "", nil, err
	}
	var resourceType string
	err = errors.Join(
		bundle.get("resourceType", &resourceType), bundle.get("type", &bundleType), bundle.get("entry", &entries))
	if err != nil {
		return "", nil, err
	}
	if resourceType != "Bundle" {
		return "", nil, errors.New("another type of resource")
	}
	return bundleType, entries, nil
}

// responseStatus returns the status of an entry as it is written, empty without one.
func responseStatus(entry json.RawMessage) (string, error) {
	e, err := parseObject(entry)
	if err != nil {
		return "", err
	}
	response, err := parseObject(e["response"])
	if err != nil {
		return "", err
	}
	var status string
	err = response.get("status", &status)
	return status, err
}

// parseEntryStatus parses the status of an entry: "201", or "201 Created".
func parseEntryStatus(text string) int {
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

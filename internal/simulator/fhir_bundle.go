package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// maxEntries is the largest number of entries of a Bundle.
const maxEntries = 5000

// bundleItem is an entry of a Bundle, or a single resource, and its result.
type bundleItem struct {
	fullURL, method, kind, id string
	resource                  element
	err                       *resourceError // why it is not filed
	read                      *response      // the response to an entry that reads or searches
	stored                    storedResource
	status                    int
}

// postBundle processes the entries of a batch, each independently, or of a transaction, all or
// none. failLast makes the last entry of a batch fail.
func (c *fhirRequest) postBundle(failLast bool) response {
	bundle, err := decodeObject(c.body)
	if err != nil {
		return outcomeResponse(http.StatusBadRequest, err.Error())
	}
	bundleType := stringField(bundle, "type")
	entries, _ := bundle["entry"].([]any)
	if bad := c.checkBundle(bundle, bundleType, len(entries)); bad != nil {
		return outcomeResponse(bad.status, bad.text, bad.expression)
	}
	items, ids := c.parseEntries(entries)
	if last := items[len(items)-1]; failLast && bundleType == "batch" && last.err == nil {
		last.err = &resourceError{
			http.StatusUnprocessableEntity, "the resource breaks a rule of the profile",
			entryPath(len(items)-1, "resource"),
		}
	}
	if bundleType == "transaction" {
		if bad := transactionError(items, ids); bad != nil {
			return outcomeResponse(bad.status, bad.text, bad.expression)
		}
	}
	var valid []*bundleItem
	for _, item := range items {
		if item.err == nil && item.read == nil {
			item.resource, _ = resolveReferences(item.resource, ids).(element)
			valid = append(valid, item)
		}
	}
	c.file(bundle, valid)
	r := jsonResponse(http.StatusOK, fhirJSON, c.bundleResponse(bundleType, items))
	r.filed = len(valid)
	return r
}

// checkBundle checks a Bundle without its entries.
func (c *fhirRequest) checkBundle(bundle element, bundleType string, entries int) *resourceError {
	switch {
	case stringField(bundle, "resourceType") != "Bundle":
		return &resourceError{http.StatusBadRequest, "the resource is not a Bundle", "resourceType"}
	case bundleType != "batch" && bundleType != "transaction":
		return &resourceError{http.StatusBadRequest, "the Bundle is neither a batch nor a transaction", "Bundle.type"}
	case entries == 0 || entries > maxEntries:
		return &resourceError{http.StatusBadRequest, fmt.Sprintf("a Bundle must have 1 to %d entries", maxEntries),
			"Bundle.entry"}
	case carriesBSN(bundle):
		c.sim.recordViolation(c.r, "bsn", "a Bundle contains a citizen service number")
		return &resourceError{http.StatusBadRequest, "a citizen service number must be masked", "Bundle.entry"}
	}
	return nil
}

// parseEntries checks the entries. ids maps the fullUrl of each valid entry to the
// reference of its resource.
func (c *fhirRequest) parseEntries(entries []any) (items []*bundleItem, ids map[string]string) {
	ids = map[string]string{}
	for n, entry := range entries {
		item := c.parseEntry(entry, n)
		if item.fullURL != "" && item.err == nil && item.kind != "" {
			ids[item.fullURL] = item.kind + "/" + item.id
		}
		items = append(items, item)
	}
	return items, ids
}

// parseEntry checks an entry, and processes it if it reads or searches. n is its position.
func (c *fhirRequest) parseEntry(v any, n int) *bundleItem {
	entry, _ := v.(element)
	request, _ := entry["request"].(element)
	i := &bundleItem{fullURL: stringField(entry, "fullUrl"), method: stringField(request, "method")}
	i.resource, _ = entry["resource"].(element)
	address := strings.TrimPrefix(stringField(request, "url"), "/")
	kind, id, hasID := strings.Cut(address, "/")
	fail := func(status int, text, where string) *bundleItem {
		i.err = &resourceError{status, text, entryPath(n, where)}
		return i
	}
	switch {
	case i.method == http.MethodGet:
		i.read = c.readEntry(address)
		return i
	case i.method != http.MethodPost && i.method != http.MethodPut:
		return fail(http.StatusMethodNotAllowed, "the method must be POST, PUT or GET", "request.method")
	case i.resource == nil:
		return fail(http.StatusBadRequest, "the entry has no resource", "resource")
	case i.method == http.MethodPost && (hasID || kind == ""):
		return fail(http.StatusBadRequest, "the url of a POST must be a type", "request.url")
	case i.method == http.MethodPut && !hasID:
		return fail(http.StatusBadRequest, "the url of a PUT must be a type and an id", "request.url")
	}
	if bad := c.checkResource(i.resource, kind, id, i.method); bad != nil {
		return fail(bad.status, bad.text, "resource")
	}
	i.kind, i.id = kind, id
	if i.method == http.MethodPost {
		i.id = uuid.NewString()
		if c.service.id == "53" && !strings.HasPrefix(i.fullURL, "urn:uuid:") {
			c.sim.recordViolation(c.r, "fullUrl", "of a created resource is not a urn:uuid")
		}
	}
	return i
}

// readEntry processes an entry that reads or searches.
func (c *fhirRequest) readEntry(address string) *response {
	u, err := url.Parse(address)
	if err != nil {
		a := outcomeResponse(http.StatusBadRequest, "the url cannot be parsed")
		return &a
	}
	kind, id, hasID := strings.Cut(u.Path, "/")
	a := outcomeResponse(http.StatusNotFound, "there is no such path")
	switch {
	case !typeName.MatchString(kind):
	case hasID:
		a = c.read(kind, id)
	default:
		a = c.search(kind, u.Query())
	}
	return &a
}

// entryPath returns the FHIRPath of an element of an entry.
func entryPath(entry int, what string) string { return fmt.Sprintf("Bundle.entry[%d].%s", entry, what) }

// transactionError returns why a transaction fails, or nil.
func transactionError(items []*bundleItem, ids map[string]string) *resourceError {
	seen := map[string]bool{}
	for n, i := range items {
		if i.err != nil {
			return i.err
		}
		if i.fullURL != "" && seen[i.fullURL] {
			return &resourceError{http.StatusBadRequest, "two entries have the same fullUrl", entryPath(n, "fullUrl")}
		}
		seen[i.fullURL] = true
		if missing := hasUnknownReference(i.resource, ids); missing {
			return &resourceError{http.StatusBadRequest, "no entry of the transaction has the fullUrl of a reference",
				entryPath(n, "resource")}
		}
	}
	return nil
}

// hasUnknownReference reports whether a resource refers to a urn:uuid that no entry has.
func hasUnknownReference(v any, ids map[string]string) bool {
	switch v := v.(type) {
	case element:
		if ref := stringField(v, "reference"); strings.HasPrefix(ref, "urn:uuid:") && ids[ref] == "" {
			return true
		}
		for _, each := range v {
			if hasUnknownReference(each, ids) {
				return true
			}
		}
	case []any:
		for _, each := range v {
			if hasUnknownReference(each, ids) {
				return true
			}
		}
	}
	return false
}

// resolveReferences replaces the fullUrls of entries by the references to their resources,
// everywhere in v.
func resolveReferences(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if id := ids[v]; id != "" {
			return id
		}
	case element:
		for name, each := range v {
			v[name] = resolveReferences(each, ids)
		}
	case []any:
		for n, each := range v {
			v[n] = resolveReferences(each, ids)
		}
	}
	return v
}

// bundleResponse returns the batch-response or transaction-response.
func (c *fhirRequest) bundleResponse(kind string, items []*bundleItem) element {
	represent := prefers(c.r.Header.Values("Prefer"), "return=representation")
	entries := make([]any, len(items))
	for n, i := range items {
		switch {
		case i.err != nil:
			entries[n] = element{"response": element{"status": statusLine(i.err.status),
				"outcome": newOperationOutcome(i.err.status, i.err.text, i.err.expression)}}
		case i.read != nil:
			found, err := decodeObject(i.read.body)
			if err != nil {
				found = nil // the content of a Binary, which is not JSON
			}
			entries[n] = element{"resource": found, "response": element{"status": statusLine(i.read.status)}}
		default:
			entry := element{"response": element{"status": statusLine(i.status), "location": c.location(i),
				"etag":         i.stored.etag(),
				"lastModified": i.stored.updated.UTC().Format("2006-01-02T15:04:05.000Z07:00")}}
			if represent {
				entry["resource"] = i.stored.json()
			}
			entries[n] = entry
		}
	}
	return element{"resourceType": "Bundle", "id": uuid.NewString(), "type": kind + "-response", "entry": entries}
}

// statusLine returns a status with its text, such as "201 Created".
func statusLine(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }

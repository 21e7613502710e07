package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// maxEntries is how many entries a Bundle may have.
const maxEntries = 5000

// item is a resource on its way to the shelf, with what became of it.
type item struct {
	fullURL, method, kind, id string
	resource                  element
	bad                       *fault  // why it is not filed
	reads                     *answer // of an entry that only asks
	stored                    stored
	status                    int
}

// bundle files a batch, each entry by itself, or a transaction, all or nothing.
func (c *call) bundle(failLast bool) answer {
	e, err := decode(c.body)
	if err != nil {
		return outcome(http.StatusBadRequest, err.Error())
	}
	kind, raw := text(e, "type"), []any(nil)
	raw, _ = e["entry"].([]any)
	switch {
	case text(e, "resourceType") != "Bundle":
		return outcome(http.StatusBadRequest, "only a Bundle is posted here", "resourceType")
	case kind != "batch" && kind != "transaction":
		return outcome(http.StatusBadRequest, "the Bundle is neither a batch nor a transaction", "Bundle.type")
	case len(raw) == 0 || len(raw) > maxEntries:
		return outcome(http.StatusBadRequest, fmt.Sprintf("a Bundle has 1 to %d entries", maxEntries), "Bundle.entry")
	case carriesBSN(e):
		c.s.violate(c.r, "bsn", "a Bundle holds a citizen service number")
		return outcome(http.StatusBadRequest, "a citizen service number must be masked", "Bundle.entry")
	}
	items := make([]*item, len(raw))
	ids := map[string]string{}
	for n, v := range raw {
		items[n] = c.entry(v, n)
		if items[n].fullURL != "" && items[n].bad == nil && items[n].kind != "" {
			ids[items[n].fullURL] = items[n].kind + "/" + items[n].id
		}
	}
	if last := items[len(items)-1]; failLast && kind == "batch" && last.bad == nil {
		last.bad = &fault{http.StatusUnprocessableEntity, "the resource breaks a rule of the profile", at(len(items)-1, "resource")}
	}
	if kind == "transaction" {
		if bad := all(items, ids); bad != nil {
			return outcome(bad.status, bad.text, bad.at)
		}
	}
	var good []*item
	for _, i := range items {
		if i.bad == nil && i.reads == nil {
			i.resource, _ = resolved(i.resource, ids).(element)
			good = append(good, i)
		}
	}
	c.file(e, good)
	a := jsonAnswer(http.StatusOK, fhirJSON, c.respond(kind, items))
	a.filed = len(good)
	return a
}

// entry reads one entry.
func (c *call) entry(v any, n int) *item {
	entry, _ := v.(element)
	request, _ := entry["request"].(element)
	i := &item{fullURL: text(entry, "fullUrl"), method: text(request, "method")}
	i.resource, _ = entry["resource"].(element)
	address := strings.TrimPrefix(text(request, "url"), "/")
	kind, id, hasID := strings.Cut(address, "/")
	fail := func(status int, text, where string) *item { i.bad = &fault{status, text, at(n, where)}; return i }
	switch {
	case i.method == http.MethodGet:
		i.reads = c.ask(address)
		return i
	case i.method != http.MethodPost && i.method != http.MethodPut:
		return fail(http.StatusMethodNotAllowed, "only POST, PUT and GET are done here", "request.method")
	case i.resource == nil:
		return fail(http.StatusBadRequest, "the entry has no resource", "resource")
	case i.method == http.MethodPost && (hasID || kind == ""):
		return fail(http.StatusBadRequest, "the address of a POST is a type", "request.url")
	case i.method == http.MethodPut && !hasID:
		return fail(http.StatusBadRequest, "the address of a PUT is a type and an id", "request.url")
	}
	if bad := c.inspect(i.resource, kind, id, i.method); bad != nil {
		return fail(bad.status, bad.text, "resource")
	}
	i.kind, i.id = kind, id
	if i.method == http.MethodPost {
		i.id = uuid.NewString()
		if c.service.id == "53" && !strings.HasPrefix(i.fullURL, "urn:uuid:") {
			c.s.violate(c.r, "fullUrl", "of an entry that is posted is not a urn:uuid")
		}
	}
	return i
}

// ask answers an entry that reads or searches.
func (c *call) ask(address string) *answer {
	u, err := url.Parse(address)
	if err != nil {
		a := outcome(http.StatusBadRequest, "the address cannot be read")
		return &a
	}
	kind, id, hasID := strings.Cut(u.Path, "/")
	a := outcome(http.StatusNotFound, "there is no such path")
	switch {
	case !typeName.MatchString(kind):
	case hasID:
		a = c.read(kind, id)
	default:
		a = c.search(kind, u.Query())
	}
	return &a
}

// at is the path of something in an entry.
func at(entry int, what string) string { return fmt.Sprintf("Bundle.entry[%d].%s", entry, what) }

// all says why a transaction cannot be filed as a whole.
func all(items []*item, ids map[string]string) *fault {
	seen := map[string]bool{}
	for n, i := range items {
		if i.bad != nil {
			return i.bad
		}
		if i.fullURL != "" && seen[i.fullURL] {
			return &fault{http.StatusBadRequest, "two entries have the same fullUrl", at(n, "fullUrl")}
		}
		seen[i.fullURL] = true
		if missing := dangling(i.resource, ids); missing {
			return &fault{http.StatusBadRequest, "a reference leads to no entry of the transaction", at(n, "resource")}
		}
	}
	return nil
}

// dangling says whether a resource refers to a urn:uuid that no entry has.
func dangling(v any, ids map[string]string) bool {
	switch v := v.(type) {
	case element:
		if ref := text(v, "reference"); strings.HasPrefix(ref, "urn:uuid:") && ids[ref] == "" {
			return true
		}
		for _, each := range v {
			if dangling(each, ids) {
				return true
			}
		}
	case []any:
		for _, each := range v {
			if dangling(each, ids) {
				return true
			}
		}
	}
	return false
}

// resolved puts the ids that were given in place of the urns, wherever they stand.
func resolved(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if id := ids[v]; id != "" {
			return id
		}
	case element:
		for name, each := range v {
			v[name] = resolved(each, ids)
		}
	case []any:
		for n, each := range v {
			v[n] = resolved(each, ids)
		}
	}
	return v
}

// respond is the Bundle that answers, an entry for an entry.
func (c *call) respond(kind string, items []*item) element {
	represent := preferred(c.r.Header.Values("Prefer"), "return=representation")
	entries := make([]any, len(items))
	for n, i := range items {
		switch {
		case i.bad != nil:
			entries[n] = element{"response": element{"status": statusLine(i.bad.status), "outcome": newOutcome(i.bad.status, i.bad.text, i.bad.at)}}
		case i.reads != nil:
			found, err := decode(i.reads.body)
			if err != nil {
				found = nil // a Binary as it is; it has no place in a Bundle
			}
			entries[n] = element{"resource": found, "response": element{"status": statusLine(i.reads.status)}}
		default:
			entry := element{"response": element{"status": statusLine(i.status), "location": c.location(i), "etag": i.stored.etag(),
				"lastModified": i.stored.updated.UTC().Format("2006-01-02T15:04:05.000Z07:00")}}
			if represent {
				entry["resource"] = i.stored.resource()
			}
			entries[n] = entry
		}
	}
	return element{"resourceType": "Bundle", "id": uuid.NewString(), "type": kind + "-response", "entry": entries}
}

func statusLine(status int) string { return fmt.Sprintf("%d %s", status, http.StatusText(status)) }

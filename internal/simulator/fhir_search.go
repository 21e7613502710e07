package simulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// The largest and the default number of resources of a search page.
const maxPage, defaultPage = 200, 20

// read returns a resource. For a Binary it returns the content, unless the request accepts
// FHIR JSON.
func (c *fhirRequest) read(kind, id string) response {
	found, ok := c.sim.store.get(c.provider.name, c.credential.grant.patient, kind, id, c.sim.Now())
	if !ok {
		return outcomeResponse(http.StatusNotFound, "there is no such resource")
	}
	a := response{status: http.StatusOK, contentType: fhirJSON, body: found.json(),
		header: map[string]string{"ETag": found.etag()}}
	if kind != "Binary" || strings.Contains(strings.Join(c.r.Header.Values("Accept"), ","), "fhir+json") {
		return a
	}
	e, err := decodeObject(found.body)
	if err != nil {
		return outcomeResponse(http.StatusInternalServerError, "the Binary cannot be read")
	}
	content, err := base64.StdEncoding.DecodeString(stringField(e, "content"))
	if err != nil {
		return outcomeResponse(http.StatusInternalServerError, "the Binary's content is not base64")
	}
	a.contentType, a.body = stringField(e, "contentType"), content
	return a
}

// search returns a page of the stored resources. It uses the parameters status, code, _id
// and _count and ignores others.
func (c *fhirRequest) search(kind string, q url.Values) response {
	var found []json.RawMessage
	for _, each := range c.sim.store.list(c.provider.name, c.credential.grant.patient, kind, c.sim.Now()) {
		e, err := decodeObject(each.body)
		if err == nil && matches(e, q) {
			found = append(found, each.json())
		}
	}
	count, offset := defaultPage, 0
	if n, err := strconv.Atoi(q.Get("_count")); err == nil && n > 0 {
		count = min(n, maxPage)
	}
	if n, err := strconv.Atoi(q.Get("_offset")); err == nil && n > 0 {
		offset = min(n, len(found))
	}
	end := min(offset+count, len(found))
	page := func(offset int) string {
		to := url.Values{}
		for name, values := range q {
			to[name] = values
		}
		to.Set("_count", strconv.Itoa(count))
		to.Set("_offset", strconv.Itoa(offset))
		return c.baseURL + "/" + kind + "?" + to.Encode()
	}
	links := []element{{"relation": "self", "url": page(offset)}}
	if end < len(found) {
		links = append(links, element{"relation": "next", "url": page(end)})
	}
	entries := []element{}
	for _, body := range found[offset:end] {
		e, _ := decodeObject(body) // cannot fail: decoded above
		entries = append(entries,
			element{"fullUrl": c.baseURL + "/" + kind + "/" + stringField(e, "id"), "resource": body,
				"search": element{"mode": "match"}})
	}
	bundle := element{"resourceType": "Bundle", "id": uuid.NewString(), "type": "searchset", "total": len(found),
		"link": links}
	if len(entries) > 0 {
		bundle["entry"] = entries
	}
	return jsonResponse(http.StatusOK, fhirJSON, bundle)
}

// matches reports whether a resource matches the search parameters.
func matches(e element, q url.Values) bool {
	if want := q.Get("status"); want != "" && stringField(e, "status") != want {
		return false
	}
	if want := q.Get("_id"); want != "" && stringField(e, "id") != want {
		return false
	}
	want := q.Get("code")
	if want == "" {
		return true
	}
	system, value, both := strings.Cut(want, "|")
	if !both {
		system, value = "", want
	}
	code, _ := e["code"].(element)
	codings, _ := code["coding"].([]any)
	for _, v := range codings {
		coding, _ := v.(element)
		if stringField(coding, "code") == value && (system == "" || stringField(coding, "system") == system) {
			return true
		}
	}
	return false
}

// metadata returns the CapabilityStatement.
func (c *fhirRequest) metadata() response {
	interactions := []element{{"code": "read"}, {"code": "search-type"}}
	if c.service.send {
		interactions = append(interactions, element{"code": "create"}, element{"code": "update"})
	}
	var resources []element
	for _, kind := range c.service.types {
		resources = append(resources, element{"type": kind, "interaction": interactions})
	}
	rest := element{"mode": "server", "resource": resources}
	if c.service.send {
		rest["interaction"] = []element{{"code": "batch"}, {"code": "transaction"}}
	}
	return jsonResponse(http.StatusOK, fhirJSON, element{
		"resourceType": "CapabilityStatement", "status": "active", "date": "2026-01-01", "kind": "instance",
		"implementation": element{"description": "A practice provider. It is not real.", "url": c.baseURL},
		"fhirVersion":    "3.0.2", "acceptUnknown": "extensions", "format": []string{fhirJSON}, "rest": []element{rest},
	})
}

package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// create files a resource.
func (c *fhirRequest) create(kind string) response {
	e, err := decodeObject(c.body)
	if err != nil {
		return outcomeResponse(http.StatusBadRequest, err.Error())
	}
	if bad := c.checkResource(e, kind, "", http.MethodPost); bad != nil {
		return outcomeResponse(bad.status, bad.text, bad.expression)
	}
	i := &bundleItem{kind: kind, id: uuid.NewString(), method: http.MethodPost, resource: e}
	c.file(e, []*bundleItem{i})
	return c.resourceResponse(i)
}

// update files a resource with its id.
func (c *fhirRequest) update(kind, id string) response {
	e, err := decodeObject(c.body)
	if err != nil {
		return outcomeResponse(http.StatusBadRequest, err.Error())
	}
	if bad := c.checkResource(e, kind, id, http.MethodPut); bad != nil {
		return outcomeResponse(bad.status, bad.text, bad.expression)
	}
	i := &bundleItem{kind: kind, id: id, method: http.MethodPut, resource: e}
	c.file(e, []*bundleItem{i})
	return c.resourceResponse(i)
}

// resourceResponse returns the response for a single resource.
func (c *fhirRequest) resourceResponse(i *bundleItem) response {
	a := jsonResponse(i.status, fhirJSON, i.stored.json())
	a.header = map[string]string{"Location": c.location(i), "ETag": i.stored.etag(),
		"Last-Modified": i.stored.updated.UTC().Format(http.TimeFormat)}
	a.filed = 1
	if !prefers(c.r.Header.Values("Prefer"), "return=representation") {
		a.body = nil
	}
	return a
}

// location returns the URL of the stored version of a resource.
func (c *fhirRequest) location(i *bundleItem) string {
	return fmt.Sprintf("%s/%s/%s/_history/%d", c.baseURL, i.kind, i.id, i.stored.version)
}

// runSystem is the system of the identifiers with which tests recognise their resources.
const runSystem = "urn:carrel:run"

// identifiers returns the value of the first identifier, and of the first one with
// runSystem, in a resource or in the entries of a Bundle.
func identifiers(e element) (first, run string) {
	see := func(v any) {
		identifier, _ := v.(element)
		value := stringField(identifier, "value")
		if first == "" {
			first = value
		}
		if run == "" && stringField(identifier, "system") == runSystem {
			run = value
		}
	}
	each := func(v any) {
		if all, ok := v.([]any); ok {
			for _, one := range all {
				see(one)
			}
			return
		}
		see(v)
	}
	each(e["identifier"])
	entries, _ := e["entry"].([]any)
	for _, v := range entries {
		entry, _ := v.(element)
		resource, _ := entry["resource"].(element)
		each(resource["identifier"])
	}
	return first, run
}

// file files the items of a request, sets their results and records them as one filing. whole is
// the body of the request.
func (c *fhirRequest) file(whole element, items []*bundleItem) {
	var types, summaries []string
	for _, i := range items {
		i.stored, i.status = c.sim.store.put(c.provider.name, c.credential.grant.patient, i.kind, i.id, i.resource,
			c.sim.Now())
		if !slices.Contains(types, i.kind) {
			types = append(types, i.kind)
		}
		if line := summarize(i.resource); line != "" && len(summaries) < 5 {
			summaries = append(summaries, line)
		}
	}
	if len(items) == 0 {
		return
	}
	f := Filing{Provider: c.provider.name, Service: c.service.id, Time: c.sim.Now(), Method: c.r.Method,
		Path:    truncatePath(c.r.URL.Path),
		Patient: c.credential.grant.patient, Types: types, Entries: len(items), Hash: c.entry.Hash, Mode: c.entry.Mode,
		CorrelationID: c.r.Header.Get(correlationID), RequestID: c.r.Header.Get(requestID)}
	f.Identifier, f.Run = identifiers(whole)
	header := c.r.Header.Clone()
	header.Del("Authorization")
	c.entry.Filed = true
	c.sim.Record.addFiling(Received{Filing: f, Header: header, Body: c.body, Summary: strings.Join(summaries, "; ")})
}

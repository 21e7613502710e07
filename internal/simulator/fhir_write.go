package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// element is a JSON object of FHIR, as it came.
type element = map[string]any

// decode reads one JSON object, numbers as they were written.
func decodeObject(body []byte) (element, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var e element
	if err := d.Decode(&e); err != nil {
		return nil, errors.New("the body is not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	if e == nil {
		return nil, errors.New("the body is null")
	}
	return e, nil
}

// text reads a string of an object.
func stringField(e element, name string) string {
	s, _ := e[name].(string)
	return s
}

// create files one resource.
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

// update files one resource under the id that it has.
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

// single is the answer to one resource.
func (c *fhirRequest) resourceResponse(i *bundleItem) response {
	a := jsonResponse(i.status, fhirJSON, i.stored.json())
	a.header = map[string]string{"Location": c.location(i), "ETag": i.stored.etag(), "Last-Modified": i.stored.updated.UTC().Format(http.TimeFormat)}
	a.filed = 1
	if !prefers(c.r.Header.Values("Prefer"), "return=representation") {
		a.body = nil
	}
	return a
}

func (c *fhirRequest) location(i *bundleItem) string {
	return fmt.Sprintf("%s/%s/%s/_history/%d", c.baseURL, i.kind, i.id, i.stored.version)
}

// resourceError is what is wrong with a resource, and where.
type resourceError struct {
	status           int
	text, expression string
}

// inspect checks a resource that is to be filed.
func (c *fhirRequest) checkResource(e element, kind, id, method string) *resourceError {
	own, _ := e["id"].(string)
	_, hasID := e["id"]
	switch {
	case stringField(e, "resourceType") == "":
		return &resourceError{http.StatusBadRequest, "resourceType is missing", "resourceType"}
	case stringField(e, "resourceType") != kind:
		return &resourceError{http.StatusBadRequest, "the resource is not a " + kind, "resourceType"}
	case !typeName.MatchString(kind):
		return &resourceError{http.StatusNotFound, "there is no such type", "resourceType"}
	case method == http.MethodPost && hasID:
		c.sim.recordViolation(c.r, "id", "a resource that is posted has an id")
		return &resourceError{http.StatusBadRequest, "a resource that is posted has no id", kind + ".id"}
	case method == http.MethodPut && (own != id || !fhirID.MatchString(id)):
		c.sim.recordViolation(c.r, "id", "a resource that is put has not the id of its address")
		return &resourceError{http.StatusBadRequest, "the id is not that of the address", kind + ".id"}
	case carriesBSN(e):
		c.sim.recordViolation(c.r, "bsn", "a %s holds a citizen service number", kind)
		return &resourceError{http.StatusBadRequest, "a citizen service number must be masked", kind + ".identifier"}
	}
	if c.service.id == "53" && kind != "Binary" && kind != "OperationOutcome" && kind != "Bundle" && !hasProfile(e) {
		c.sim.recordViolation(c.r, "meta.profile", "a %s has none", kind)
	}
	return nil
}

// profiled says whether a resource names a profile.
func hasProfile(e element) bool {
	meta, _ := e["meta"].(element)
	profiles, _ := meta["profile"].([]any)
	return len(profiles) > 0
}

// carriesBSN looks through everything for an identifier that is not masked.
func carriesBSN(v any) bool {
	switch v := v.(type) {
	case element:
		if slices.Contains(bsnSystems, stringField(v, "system")) && stringField(v, "value") != "" {
			return true
		}
		for _, each := range v {
			if carriesBSN(each) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, carriesBSN)
	}
	return false
}

// runSystem is the system of identifiers by which a test knows its deliveries again.
const runSystem = "urn:carrel:run"

// identifiers finds the first identifier with a value, and the first of the system of
// runs, in a resource and, if it is a Bundle, in its entries.
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

// file files items of a request, and says in each how it lies now.
func (c *fhirRequest) file(whole element, items []*bundleItem) {
	var types, summaries []string
	for _, i := range items {
		i.stored, i.status = c.sim.store.put(c.provider.name, c.credential.grant.patient, i.kind, i.id, i.resource, c.sim.Now())
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
	f := Filing{Provider: c.provider.name, Service: c.service.id, Time: c.sim.Now(), Method: c.r.Method, Path: truncatePath(c.r.URL.Path),
		Patient: c.credential.grant.patient, Types: types, Entries: len(items), Hash: c.entry.Hash, Mode: c.entry.Mode,
		CorrelationID: c.r.Header.Get(correlationID), RequestID: c.r.Header.Get(requestID)}
	f.Identifier, f.Run = identifiers(whole)
	header := c.r.Header.Clone()
	header.Del("Authorization")
	c.entry.Filed = true
	c.sim.record.addFiling(Received{Filing: f, Header: header, Body: c.body, Summary: strings.Join(summaries, "; ")})
}

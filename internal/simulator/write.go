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
func decode(body []byte) (element, error) {
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
func text(e element, name string) string {
	s, _ := e[name].(string)
	return s
}

// create files one resource.
func (c *call) create(kind string) answer {
	e, err := decode(c.body)
	if err != nil {
		return outcome(http.StatusBadRequest, err.Error())
	}
	if bad := c.inspect(e, kind, "", http.MethodPost); bad != nil {
		return outcome(bad.status, bad.text, bad.at)
	}
	i := &item{kind: kind, id: uuid.NewString(), method: http.MethodPost, resource: e}
	c.file(e, []*item{i})
	return c.single(i)
}

// update files one resource under the id that it has.
func (c *call) update(kind, id string) answer {
	e, err := decode(c.body)
	if err != nil {
		return outcome(http.StatusBadRequest, err.Error())
	}
	if bad := c.inspect(e, kind, id, http.MethodPut); bad != nil {
		return outcome(bad.status, bad.text, bad.at)
	}
	i := &item{kind: kind, id: id, method: http.MethodPut, resource: e}
	c.file(e, []*item{i})
	return c.single(i)
}

// single is the answer to one resource.
func (c *call) single(i *item) answer {
	a := jsonAnswer(i.status, fhirJSON, i.stored.resource())
	a.header = map[string]string{"Location": c.location(i), "ETag": i.stored.etag(), "Last-Modified": i.stored.updated.UTC().Format(http.TimeFormat)}
	a.filed = 1
	if !preferred(c.r.Header.Values("Prefer"), "return=representation") {
		a.body = nil
	}
	return a
}

func (c *call) location(i *item) string {
	return fmt.Sprintf("%s/%s/%s/_history/%d", c.base, i.kind, i.id, i.stored.version)
}

// fault is what is wrong with a resource, and where.
type fault struct {
	status   int
	text, at string
}

// inspect checks a resource that is to be filed.
func (c *call) inspect(e element, kind, id, method string) *fault {
	own, _ := e["id"].(string)
	_, hasID := e["id"]
	switch {
	case text(e, "resourceType") == "":
		return &fault{http.StatusBadRequest, "resourceType is missing", "resourceType"}
	case text(e, "resourceType") != kind:
		return &fault{http.StatusBadRequest, "the resource is not a " + kind, "resourceType"}
	case !typeName.MatchString(kind):
		return &fault{http.StatusNotFound, "there is no such type", "resourceType"}
	case method == http.MethodPost && hasID:
		c.s.violate(c.r, "id", "a resource that is posted has an id")
		return &fault{http.StatusBadRequest, "a resource that is posted has no id", kind + ".id"}
	case method == http.MethodPut && (own != id || !fhirID.MatchString(id)):
		c.s.violate(c.r, "id", "a resource that is put has not the id of its address")
		return &fault{http.StatusBadRequest, "the id is not that of the address", kind + ".id"}
	case carriesBSN(e):
		c.s.violate(c.r, "bsn", "a %s holds a citizen service number", kind)
		return &fault{http.StatusBadRequest, "a citizen service number must be masked", kind + ".identifier"}
	}
	if c.service.id == "53" && kind != "Binary" && kind != "OperationOutcome" && kind != "Bundle" && !profiled(e) {
		c.s.violate(c.r, "meta.profile", "a %s has none", kind)
	}
	return nil
}

// profiled says whether a resource names a profile.
func profiled(e element) bool {
	meta, _ := e["meta"].(element)
	profiles, _ := meta["profile"].([]any)
	return len(profiles) > 0
}

// carriesBSN looks through everything for an identifier that is not masked.
func carriesBSN(v any) bool {
	switch v := v.(type) {
	case element:
		if slices.Contains(bsnSystems, text(v, "system")) && text(v, "value") != "" {
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
		value := text(identifier, "value")
		if first == "" {
			first = value
		}
		if run == "" && text(identifier, "system") == runSystem {
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
func (c *call) file(whole element, items []*item) {
	var types, summaries []string
	for _, i := range items {
		i.stored, i.status = c.s.shelf.put(c.provider.name, c.cred.grant.patient, i.kind, i.id, i.resource, c.s.Now())
		if !slices.Contains(types, i.kind) {
			types = append(types, i.kind)
		}
		if line := summary(i.resource); line != "" && len(summaries) < 5 {
			summaries = append(summaries, line)
		}
	}
	if len(items) == 0 {
		return
	}
	f := Filing{Provider: c.provider.name, Service: c.service.id, Time: c.s.Now(), Method: c.r.Method, Path: shortPath(c.r.URL.Path),
		Patient: c.cred.grant.patient, Types: types, Entries: len(items), Hash: c.attempt.Hash, Fault: c.attempt.Fault,
		CorrelationID: c.r.Header.Get(correlationID), RequestID: c.r.Header.Get(requestID)}
	f.Identifier, f.Run = identifiers(whole)
	header := c.r.Header.Clone()
	header.Del("Authorization")
	c.attempt.Filed = true
	c.s.record.add(Received{Filing: f, Header: header, Body: c.body, Summary: strings.Join(summaries, "; ")})
}

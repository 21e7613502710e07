package simulator

import (
	"net/http"
	"slices"
)

// resourceError is an error of a resource: the status of the response, a text, and the
// FHIRPath of the element.
type resourceError struct {
	status           int
	text, expression string
}

// checkResource checks a resource before it is filed.
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
		c.sim.recordViolation(c.r, "id", "a created resource has an id")
		return &resourceError{http.StatusBadRequest, "a created resource must not have an id", kind + ".id"}
	case method == http.MethodPut && (own != id || !fhirID.MatchString(id)):
		c.sim.recordViolation(c.r, "id", "the id of an updated resource is not that of its address")
		return &resourceError{http.StatusBadRequest, "the id is not that of the address", kind + ".id"}
	case carriesBSN(e):
		c.sim.recordViolation(c.r, "bsn", "a %s contains a citizen service number", kind)
		return &resourceError{http.StatusBadRequest, "a citizen service number must be masked", kind + ".identifier"}
	}
	if c.service.id == "53" && kind != "Binary" && kind != "OperationOutcome" && kind != "Bundle" && !hasProfile(e) {
		c.sim.recordViolation(c.r, "meta.profile", "a %s has none", kind)
	}
	return nil
}

// hasProfile reports whether a resource has a profile.
func hasProfile(e element) bool {
	meta, _ := e["meta"].(element)
	profiles, _ := meta["profile"].([]any)
	return len(profiles) > 0
}

// carriesBSN reports whether a value contains a BSN that is not masked, at any depth.
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

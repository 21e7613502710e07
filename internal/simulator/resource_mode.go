package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// respond sends the response to a valid request, according to the behaviour.
func (c *fhirRequest) respond(w http.ResponseWriter, b Behaviour) {
	send := func(a response) {
		c.record(a.status)
		a.write(w)
	}
	cut := func() {
		c.record(0)
		abortConnection(w)
	}
	switch b.Resource {
	case ResourceOK:
		send(c.process(false))
	case ResourceFailedEntry:
		send(c.process(true))
	case ResourceCutBefore:
		cut()
	case ResourceClosed:
		c.sim.backListener.resetNext()
		cut()
	case ResourceHTML:
		send(htmlResponse(http.StatusOK))
	case ResourceRedirect, ResourceRedirect307:
		send(redirectResponse(b.Resource, c.sim.outsideURL()))
	case ResourceUnauthorized:
		send(unauthorized(errUnknown.Error()))
	case ResourceForbidden:
		send(forbidden())
	default:
		text, filed := strings.CutSuffix(string(b.Resource), "-filed")
		status, err := strconv.Atoi(text)
		if filed || err != nil {
			c.fileAndFail(w, b, status)
			return
		}
		send(failureResponse(status, b))
	}
}

// redirectResponse returns a redirect.
func redirectResponse(m ResourceMode, to string) response {
	status := http.StatusFound
	if m == ResourceRedirect307 {
		status = http.StatusTemporaryRedirect
	}
	return response{status: status, header: map[string]string{"Location": to}}
}

// failureResponse returns the response for a mode that is an HTTP status.
func failureResponse(status int, b Behaviour) response {
	switch status {
	case http.StatusUnprocessableEntity:
		return outcomeResponse(status, "the resource breaks a rule of the profile", "Observation.code")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		a := outcomeResponse(status, "the provider is too busy, try again later")
		a.header = retryAfterHeader(b)
		return a
	case http.StatusMethodNotAllowed:
		a := outcomeResponse(status, "the method is not allowed")
		a.header = map[string]string{"Allow": "GET"}
		return a
	case http.StatusBadGateway, http.StatusGatewayTimeout: // as from a proxy
		return htmlResponse(status)
	}
	return outcomeResponse(status, "a simulated failure")
}

// fileAndFail processes the request and then fails, so that the client does not know that
// the resource was filed.
func (c *fhirRequest) fileAndFail(w http.ResponseWriter, b Behaviour, status int) {
	a := c.process(false)
	if a.filed == 0 && (a.status < 200 || a.status > 299) {
		c.record(a.status)
		a.write(w) // the request was refused
		return
	}
	switch b.Resource {
	case ResourceSlow, ResourceLate:
		wait := cmp.Or(b.Slow, defaultSlow)
		if b.Resource == ResourceLate {
			wait = cmp.Or(b.Late, defaultLate)
		}
		if !waitOrAbort(w, c.r, wait) {
			c.record(0)
			return
		}
	case ResourceCutAfter:
		c.record(0)
		abortConnection(w)
		return
	case ResourceCutDuring:
		c.record(0)
		a.writeTruncated(w)
		return
	case ResourceEndless:
		c.record(http.StatusOK)
		writeEndless(w, fhirJSON, []byte("{"))
		return
	default:
		a = alteredResponse(a, b, status)
	}
	c.record(a.status)
	a.write(w)
}

// alteredResponse returns the response to a resource that was filed, altered by the mode.
func alteredResponse(a response, b Behaviour, status int) response {
	switch b.Resource {
	case ResourceXML:
		return response{
			status: http.StatusOK, contentType: "application/fhir+xml; charset=utf-8",
			body: []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="batch-response"/></Bundle>` + "\n"),
		}
	case ResourceNotJSON:
		a.body = a.body[:len(a.body)/2]
	case ResourceEmpty:
		return response{status: http.StatusOK}
	case ResourceNoBody:
		a.body = nil
	case ResourceOperationOutcome:
		a.body = outcomeResponse(http.StatusOK, "done").body
	case ResourceWrongResource:
		return jsonResponse(http.StatusOK, fhirJSON, map[string]any{"resourceType": "Patient", "id": "someone"})
	case ResourceMissingEntry:
		a.body = withoutLastEntry(a.body)
	default:
		return failureResponse(status, b)
	}
	return a
}

// record records the result of a request. It is called before the response is sent, so that a
// client that has a response finds the request in the record.
func (c *fhirRequest) record(status int) {
	c.entry.Status = status
	c.sim.Record.addRequest(c.entry)
	c.sim.Log.Info("resource", "provider", c.provider.name, "method", c.r.Method, "status", status,
		"filed", c.entry.Filed, "mode", c.entry.Mode)
}

// withoutLastEntry returns a Bundle without its last entry, and any other resource as it is.
func withoutLastEntry(body []byte) []byte {
	var bundle map[string]json.RawMessage
	var entries []json.RawMessage
	if json.Unmarshal(body, &bundle) != nil || json.Unmarshal(bundle["entry"], &entries) != nil || len(entries) == 0 {
		return body
	}
	rest, err := json.Marshal(entries[:len(entries)-1])
	if err != nil {
		return body
	}
	bundle["entry"] = rest
	short, err := json.Marshal(bundle)
	if err != nil {
		return body
	}
	return short
}

package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// run answers a request as the behaviour has it.
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
		c.sim.closeNextConnection()
		cut()
	case ResourceHTML:
		send(response{status: http.StatusOK, contentType: "text/html; charset=utf-8", body: []byte(htmlBody)})
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

// redirected leads away from the lists.
func redirectResponse(m ResourceMode, to string) response {
	status := http.StatusFound
	if m == ResourceRedirect307 {
		status = http.StatusTemporaryRedirect
	}
	return response{status: status, header: map[string]string{"Location": to}}
}

// failureResponse is a failure that the simulator was told to have.
func failureResponse(status int, b Behaviour) response {
	switch status {
	case http.StatusUnprocessableEntity:
		return outcomeResponse(status, "the resource breaks a rule of the profile", "Observation.code")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		a := outcomeResponse(status, "too busy, come back later")
		a.header = retryAfterHeader(b)
		return a
	case http.StatusMethodNotAllowed:
		a := outcomeResponse(status, "not this method")
		a.header = map[string]string{"Allow": "GET"}
		return a
	case http.StatusBadGateway, http.StatusGatewayTimeout: // as a proxy has it, who knows no FHIR
		return response{status: status, contentType: "text/html; charset=utf-8", body: []byte(htmlBody)}
	}
	return outcomeResponse(status, "as the simulator was told")
}

// fileAndSpoil does what is asked, and then lets the client not know it.
func (c *fhirRequest) fileAndFail(w http.ResponseWriter, b Behaviour, status int) {
	a := c.process(false)
	if a.filed == 0 && (a.status < 200 || a.status > 299) {
		c.record(a.status)
		a.write(w) // it was refused anyway
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
	case ResourceXML:
		a = response{status: http.StatusOK, contentType: "application/fhir+xml; charset=utf-8",
			body: []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="batch-response"/></Bundle>` + "\n")}
	case ResourceNotJSON:
		a.body = a.body[:len(a.body)/2]
	case ResourceEmpty:
		a = response{status: http.StatusOK}
	case ResourceNoBody:
		a.body = nil
	case ResourceOperationOutcome:
		a.body = outcomeResponse(http.StatusOK, "done").body
	case ResourceWrongResource:
		a = jsonResponse(http.StatusOK, fhirJSON, map[string]any{"resourceType": "Patient", "id": "someone"})
	case ResourceMissingEntry:
		a.body = withoutLastEntry(a.body)
	default:
		a = failureResponse(status, b)
	}
	c.record(a.status)
	a.write(w)
}

// note remembers what becomes of a request, before anybody can see it: whoever has an
// answer finds it in the record.
func (c *fhirRequest) record(status int) {
	c.entry.Status = status
	c.sim.record.addRequest(c.entry)
	c.sim.Log.Info("resource", "provider", c.provider.name, "method", c.r.Method, "status", status, "filed", c.entry.Filed, "fault", c.entry.Mode)
}

// shortened takes the last entry off a Bundle; anything else it leaves alone.
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

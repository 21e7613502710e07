package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// run answers a request as the behaviour has it.
func (c *call) run(w http.ResponseWriter, b Behaviour) {
	send := func(a answer) {
		c.note(a.status)
		a.send(w)
	}
	cut := func() {
		c.note(0)
		hangUp(w)
	}
	switch b.Resource {
	case ResourceRight:
		send(c.perform(false))
	case ResourceBatchEntry:
		send(c.perform(true))
	case ResourceCutBefore:
		cut()
	case ResourceClosed:
		c.s.closeNext()
		cut()
	case ResourceHTML:
		send(answer{status: http.StatusOK, contentType: "text/html; charset=utf-8", body: []byte(htmlBody)})
	case ResourceRedirect, ResourceRedirectToo:
		send(redirected(b.Resource, c.s.outsideURL()))
	case ResourceUnknown:
		send(unauthorized(errUnknown.Error()))
	case ResourceForbidden:
		send(forbidden())
	default:
		text, filed := strings.CutSuffix(string(b.Resource), "-filed")
		status, err := strconv.Atoi(text)
		if filed || err != nil {
			c.fileAndSpoil(w, b, status)
			return
		}
		send(told(status, b))
	}
}

// redirected leads away from the lists.
func redirected(m ResourceMode, to string) answer {
	status := http.StatusFound
	if m == ResourceRedirectToo {
		status = http.StatusTemporaryRedirect
	}
	return answer{status: status, header: map[string]string{"Location": to}}
}

// told is a failure that the simulator was told to have.
func told(status int, b Behaviour) answer {
	switch status {
	case http.StatusUnprocessableEntity:
		return outcome(status, "the resource breaks a rule of the profile", "Observation.code")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		a := outcome(status, "too busy, come back later")
		a.header = retryAfter(b)
		return a
	case http.StatusMethodNotAllowed:
		a := outcome(status, "not this method")
		a.header = map[string]string{"Allow": "GET"}
		return a
	case http.StatusBadGateway, http.StatusGatewayTimeout: // as a proxy has it, who knows no FHIR
		return answer{status: status, contentType: "text/html; charset=utf-8", body: []byte(htmlBody)}
	}
	return outcome(status, "as the simulator was told")
}

// fileAndSpoil does what is asked, and then lets the client not know it.
func (c *call) fileAndSpoil(w http.ResponseWriter, b Behaviour, status int) {
	a := c.perform(false)
	if a.filed == 0 && (a.status < 200 || a.status > 299) {
		c.note(a.status)
		a.send(w) // it was refused anyway
		return
	}
	switch b.Resource {
	case ResourceSlow, ResourceLate:
		wait := cmp.Or(b.Slow, defaultSlow)
		if b.Resource == ResourceLate {
			wait = cmp.Or(b.Late, defaultLate)
		}
		if !sleep(w, c.r, wait) {
			c.note(0)
			return
		}
	case ResourceCutAfter:
		c.note(0)
		hangUp(w)
		return
	case ResourceCutWithin:
		c.note(0)
		a.sendHalf(w)
		return
	case ResourceEndless:
		c.note(http.StatusOK)
		sendEndless(w, fhirJSON, []byte("{"))
		return
	case ResourceXML:
		a = answer{status: http.StatusOK, contentType: "application/fhir+xml; charset=utf-8",
			body: []byte(`<Bundle xmlns="http://hl7.org/fhir"><type value="batch-response"/></Bundle>` + "\n")}
	case ResourceNotJSON:
		a.body = a.body[:len(a.body)/2]
	case ResourceEmpty:
		a = answer{status: http.StatusOK}
	case ResourceBare:
		a.body = nil
	case ResourceOutcome:
		a.body = outcome(http.StatusOK, "done").body
	case ResourceStrange:
		a = jsonAnswer(http.StatusOK, fhirJSON, map[string]any{"resourceType": "Patient", "id": "someone"})
	case ResourceShort:
		a.body = shortened(a.body)
	default:
		a = told(status, b)
	}
	c.note(a.status)
	a.send(w)
}

// note remembers what becomes of a request, before anybody can see it: whoever has an
// answer finds it in the record.
func (c *call) note(status int) {
	c.attempt.Status = status
	c.s.record.attempt(c.attempt)
	c.s.Log.Info("resource", "provider", c.provider.name, "method", c.r.Method, "status", status, "filed", c.attempt.Filed, "fault", c.attempt.Fault)
}

// shortened takes the last entry off a Bundle; anything else it leaves alone.
func shortened(body []byte) []byte {
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

package simulator

import (
	"io"
	"net/http"
	"regexp"
	"strings"
)

const fhirJSON = "application/fhir+json"

// call is one request at a resource endpoint.
type call struct {
	s        *Simulator
	r        *http.Request
	provider provider
	service  service
	base     string // of the endpoint, as the list has it
	rest     string // the path below it
	cred     credential
	body     []byte
	attempt  Attempt
}

var (
	typeName = regexp.MustCompile(`^[A-Z][A-Za-z]{2,63}$`)
	fhirID   = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
)

// resource is the resource endpoint: FHIR STU3.
func (s *Simulator) resource(w http.ResponseWriter, r *http.Request) {
	p, ok := s.find(r.PathValue("provider"), r.PathValue("service"))
	if !ok {
		outcome(http.StatusNotFound, "no such service").send(w)
		return
	}
	if s.down() {
		hangUp(w)
		return
	}
	known, _ := serviceOf(r.PathValue("service"))
	c := &call{s: s, r: r, provider: p, service: known, rest: strings.Trim(r.PathValue("rest"), "/"),
		base: s.backOf(p.name) + path(p.name, known.id) + "/fhir"}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		outcome(http.StatusRequestEntityTooLarge, "the body cannot be read, or is longer than 16 MiB").send(w)
		return
	}
	c.body = body
	if bad := c.checkRequest(); bad != nil {
		s.Log.Info("resource", "provider", p.name, "method", r.Method, "status", bad.status)
		bad.send(w)
		return
	}
	if c.rest == "metadata" && r.Method == http.MethodGet {
		c.metadata().send(w)
		return
	}
	if bad := c.checkBearer(); bad != nil {
		s.Log.Info("resource", "provider", p.name, "method", r.Method, "status", bad.status)
		bad.send(w)
		return
	}
	b := s.conduct.resource(p.name)
	if b.Resource == ResourceRight {
		b.Resource = s.chaos.draw()
	}
	c.attempt = Attempt{Provider: p.name, Service: known.id, Method: r.Method, Path: shortPath(r.URL.Path), Hash: hashOf(body), Time: s.Now(),
		CorrelationID: r.Header.Get(correlationID), RequestID: r.Header.Get(requestID), Fault: b.Resource}
	c.run(w, b)
}

// checkRequest checks all but the token.
func (c *call) checkRequest() *answer {
	refuse := func(status int, text string) *answer { a := outcome(status, text); return &a }
	bad, person := c.s.checkBack(c.r), c.s.checkPerson(c.r)
	header := c.r.Header
	writes := c.r.Method == http.MethodPost || c.r.Method == http.MethodPut
	if writes && !preferred(header.Values("Prefer"), "return=representation") {
		c.s.violate(c.r, "headers", "Prefer does not ask for the representation")
	}
	if len(header.Values("Accept")) == 0 {
		c.s.violate(c.r, "headers", "Accept is missing")
	}
	switch {
	case bad != nil:
		return refuse(http.StatusBadRequest, bad.text)
	case person != nil:
		return refuse(http.StatusBadRequest, person.text)
	case !accepts(header.Values("Accept"), fhirJSON) && !strings.HasPrefix(c.rest, "Binary/"):
		c.s.violate(c.r, "headers", "Accept does not take %s", fhirJSON)
		return refuse(http.StatusNotAcceptable, "only "+fhirJSON+" is spoken here")
	case writes && mediaType(header.Get("Content-Type")) != fhirJSON:
		c.s.violate(c.r, "headers", "Content-Type is not %s", fhirJSON)
		return refuse(http.StatusUnsupportedMediaType, "only "+fhirJSON+" is understood here")
	case header.Get("Content-Encoding") != "":
		return refuse(http.StatusUnsupportedMediaType, "no content encoding is understood here")
	}
	return nil
}

// checkBearer finds what the token is good for.
func (c *call) checkBearer() *answer {
	kind, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") || token == "" || len(c.r.Header.Values("Authorization")) > 1 {
		c.s.violate(c.r, "bearer", "there is no access token")
		a := outcome(http.StatusUnauthorized, "an access token is needed")
		a.header = map[string]string{"WWW-Authenticate": "Bearer"}
		return &a
	}
	found, err := c.s.grants.bearer(token, c.s.Now())
	if err == nil && found.grant.provider != c.provider.name {
		c.s.violate(c.r, "bearer", "the access token is of another provider")
		err = errUnknown
	}
	if err != nil {
		a := unauthorized(err.Error())
		return &a
	}
	if found.service != c.service.id && !collectsBoth(found.service, c.service.id) {
		c.s.violate(c.r, "bearer", "the access token is for another service")
		a := forbidden()
		return &a
	}
	if !strings.EqualFold(c.r.Header.Get(correlationID), found.correlation) {
		c.s.violate(c.r, "correlation", "is not that of the run that the access token came from")
	}
	c.cred = found
	return nil
}

// collectsBoth says whether one consent covers two services: all that are for
// collecting are asked for at once.
func collectsBoth(a, b string) bool {
	one, _ := serviceOf(a)
	other, _ := serviceOf(b)
	return !one.send && !other.send
}

// unauthorized is the answer to a token that is not good.
func unauthorized(why string) answer {
	a := outcome(http.StatusUnauthorized, "the access token is not good: "+why)
	a.header = map[string]string{"WWW-Authenticate": `Bearer error="invalid_token", error_description="` + why + `"`}
	return a
}

// forbidden is the answer to a token that does not cover what is asked.
func forbidden() answer {
	a := outcome(http.StatusForbidden, "the access token does not allow this")
	a.header = map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", error_description="the access token does not allow this"`}
	return a
}

// perform does what is asked, the right way. failLast refuses a batch's last entry.
func (c *call) perform(failLast bool) answer {
	parts := strings.Split(c.rest, "/")
	switch {
	case c.rest == "" && c.r.Method == http.MethodPost:
		return c.bundle(failLast)
	case c.rest == "":
		return c.notAllowed("POST")
	case !typeName.MatchString(parts[0]):
		return outcome(http.StatusNotFound, "there is no such path")
	case len(parts) == 1 && c.r.Method == http.MethodPost:
		return c.create(parts[0])
	case len(parts) == 1 && c.r.Method == http.MethodGet:
		return c.search(parts[0], c.r.URL.Query())
	case len(parts) == 1:
		return c.notAllowed("GET, POST")
	case len(parts) == 2 && c.r.Method == http.MethodPut:
		return c.update(parts[0], parts[1])
	case len(parts) == 2 && c.r.Method == http.MethodGet:
		return c.read(parts[0], parts[1])
	case len(parts) == 2:
		return c.notAllowed("GET, PUT")
	}
	return outcome(http.StatusNotFound, "there is no such path")
}

func (c *call) notAllowed(allow string) answer {
	a := outcome(http.StatusMethodNotAllowed, "this method is not for this path")
	a.header = map[string]string{"Allow": allow}
	return a
}

// issueCodes are FHIR's codes for what a status means.
var issueCodes = map[int]string{400: "invalid", 401: "security", 403: "forbidden", 404: "not-found", 405: "not-supported", 406: "not-supported",
	409: "conflict", 410: "not-found", 412: "conflict", 413: "too-long", 415: "not-supported", 422: "business-rule", 429: "throttled",
	500: "exception", 501: "not-supported", 502: "transient", 503: "transient", 504: "timeout"}

// issue is one line of an OperationOutcome.
type issue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Diagnostics string   `json:"diagnostics,omitempty"`
	Expression  []string `json:"expression,omitempty"`
}

type operationOutcome struct {
	ResourceType string  `json:"resourceType"`
	Issue        []issue `json:"issue"`
}

// newOutcome is an OperationOutcome that says one thing.
func newOutcome(status int, text string, at ...string) operationOutcome {
	code, severity := issueCodes[status], "error"
	if status < 400 {
		code, severity = "informational", "information"
	}
	return operationOutcome{"OperationOutcome", []issue{{severity, code, text, at}}}
}

// outcome is an answer that says one thing.
func outcome(status int, text string, at ...string) answer {
	return jsonAnswer(status, fhirJSON, newOutcome(status, text, at...))
}

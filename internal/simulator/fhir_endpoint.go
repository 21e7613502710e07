package simulator

import (
	"io"
	"net/http"
	"regexp"
	"strings"
)

const fhirJSON = "application/fhir+json"

// fhirRequest is a request at a resource endpoint.
type fhirRequest struct {
	sim        *Simulator
	r          *http.Request
	provider   simulatedProvider
	service    dataService
	baseURL    string // of the endpoint, as in the list of providers
	path       string // below the base URL, without slashes at its ends
	credential credential
	body       []byte
	entry      ResourceRequest
}

var (
	typeName = regexp.MustCompile(`^[A-Z][A-Za-z]{2,63}$`)
	fhirID   = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`)
)

// serveFHIR handles all requests at resource endpoints.
func (s *Simulator) serveFHIR(w http.ResponseWriter, r *http.Request) {
	p, ok := s.providers.find(r.PathValue("provider"), r.PathValue("service"))
	if !ok {
		outcomeResponse(http.StatusNotFound, "no such service").write(w)
		return
	}
	if s.backListener.isDown() {
		abortConnection(w)
		return
	}
	known, _ := findService(r.PathValue("service"))
	c := &fhirRequest{sim: s, r: r, provider: p, service: known, path: strings.Trim(r.PathValue("rest"), "/"),
		baseURL: s.backURLOf(p.name) + servicePath(p.name, known.id) + "/fhir"}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		outcomeResponse(http.StatusRequestEntityTooLarge, "the body is incomplete or longer than 16 MiB").write(w)
		return
	}
	c.body = body
	if bad := c.checkRequest(); bad != nil {
		s.Log.Info("resource", "provider", p.name, "method", r.Method, "status", bad.status)
		bad.write(w)
		return
	}
	if c.path == "metadata" && r.Method == http.MethodGet {
		c.metadata().write(w)
		return
	}
	if bad := c.checkBearer(); bad != nil {
		s.Log.Info("resource", "provider", p.name, "method", r.Method, "status", bad.status)
		bad.write(w)
		return
	}
	b := s.behaviours.forResourceRequest(p.name)
	if b.Resource == ResourceOK {
		b.Resource = s.failures.draw()
	}
	c.entry = ResourceRequest{
		Provider: p.name, Service: known.id, Method: r.Method, Path: truncatePath(r.URL.Path), Hash: hashOf(body),
		Time: s.Now(), CorrelationID: r.Header.Get(correlationID), RequestID: r.Header.Get(requestID), Mode: b.Resource,
	}
	c.respond(w, b)
}

// checkRequest checks everything except the token. It returns the response to a request
// that is refused.
func (c *fhirRequest) checkRequest() *response {
	refuse := func(status int, text string) *response { a := outcomeResponse(status, text); return &a }
	bad, person := c.sim.checkBackchannel(c.r), c.sim.checkNoPerson(c.r)
	header := c.r.Header
	writes := c.r.Method == http.MethodPost || c.r.Method == http.MethodPut
	if writes && !prefers(header.Values("Prefer"), "return=representation") {
		c.sim.recordViolation(c.r, "headers", "Prefer does not ask for the representation")
	}
	if len(header.Values("Accept")) == 0 {
		c.sim.recordViolation(c.r, "headers", "Accept is missing")
	}
	switch {
	case bad != nil:
		return refuse(http.StatusBadRequest, bad.text)
	case person != nil:
		return refuse(http.StatusBadRequest, person.text)
	case !acceptsType(header.Values("Accept"), fhirJSON) && !strings.HasPrefix(c.path, "Binary/"):
		c.sim.recordViolation(c.r, "headers", "Accept does not include %s", fhirJSON)
		return refuse(http.StatusNotAcceptable, "the only format of responses is "+fhirJSON)
	case writes && mediaType(header.Get("Content-Type")) != fhirJSON:
		c.sim.recordViolation(c.r, "headers", "Content-Type is not %s", fhirJSON)
		return refuse(http.StatusUnsupportedMediaType, "the content type must be "+fhirJSON)
	case header.Get("Content-Encoding") != "":
		return refuse(http.StatusUnsupportedMediaType, "content encodings are not supported")
	}
	return nil
}

// checkBearer checks the access token and sets the credential. It returns the response to a token
// that is refused.
func (c *fhirRequest) checkBearer() *response {
	kind, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") || token == "" || len(c.r.Header.Values("Authorization")) > 1 {
		c.sim.recordViolation(c.r, "bearer", "there is no access token")
		a := outcomeResponse(http.StatusUnauthorized, "an access token is required")
		a.header = map[string]string{"WWW-Authenticate": "Bearer"}
		return &a
	}
	found, err := c.sim.grants.getAccessToken(token, c.sim.Now())
	if err == nil && found.grant.provider != c.provider.name {
		c.sim.recordViolation(c.r, "bearer", "the access token is of another provider")
		err = errUnknown
	}
	if err != nil {
		a := unauthorized(err.Error())
		return &a
	}
	if found.service != c.service.id && !collectsBoth(found.service, c.service.id) {
		c.sim.recordViolation(c.r, "bearer", "the access token is for another service")
		a := forbidden()
		return &a
	}
	if !strings.EqualFold(c.r.Header.Get(correlationID), found.correlation) {
		c.sim.recordViolation(c.r, "correlation", "is not that of the request that obtained the access token")
	}
	c.credential = found
	return nil
}

// collectsBoth reports whether two services are both for collecting. One consent covers
// all services for collecting.
func collectsBoth(a, b string) bool {
	one, _ := findService(a)
	other, _ := findService(b)
	return !one.send && !other.send
}

// unauthorized returns the response to a token that is not valid.
func unauthorized(why string) response {
	a := outcomeResponse(http.StatusUnauthorized, "the access token is not valid: "+why)
	a.header = map[string]string{"WWW-Authenticate": `Bearer error="invalid_token", error_description="` + why + `"`}
	return a
}

// forbidden returns the response to a token that does not allow the request.
func forbidden() response {
	a := outcomeResponse(http.StatusForbidden, "the access token does not allow this")
	a.header = map[string]string{
		"WWW-Authenticate": `Bearer error="insufficient_scope", ` +
			`error_description="the access token does not allow this"`,
	}
	return a
}

// process processes the request correctly, except that failLast refuses the last entry of a
// batch.
func (c *fhirRequest) process(failLast bool) response {
	parts := strings.Split(c.path, "/")
	switch {
	case c.path == "" && c.r.Method == http.MethodPost:
		return c.postBundle(failLast)
	case c.path == "":
		return c.methodNotAllowed("POST")
	case !typeName.MatchString(parts[0]):
		return outcomeResponse(http.StatusNotFound, "there is no such path")
	case len(parts) == 1 && c.r.Method == http.MethodPost:
		return c.create(parts[0])
	case len(parts) == 1 && c.r.Method == http.MethodGet:
		return c.search(parts[0], c.r.URL.Query())
	case len(parts) == 1:
		return c.methodNotAllowed("GET, POST")
	case len(parts) == 2 && c.r.Method == http.MethodPut:
		return c.update(parts[0], parts[1])
	case len(parts) == 2 && c.r.Method == http.MethodGet:
		return c.read(parts[0], parts[1])
	case len(parts) == 2:
		return c.methodNotAllowed("GET, PUT")
	}
	return outcomeResponse(http.StatusNotFound, "there is no such path")
}

// methodNotAllowed returns the response to a method that the path does not support. allow lists
// the methods that it supports.
func (c *fhirRequest) methodNotAllowed(allow string) response {
	a := outcomeResponse(http.StatusMethodNotAllowed, "the path does not support the method")
	a.header = map[string]string{"Allow": allow}
	return a
}

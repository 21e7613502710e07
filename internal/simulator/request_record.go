package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The limits of a Record. It keeps all filings, which take a few hundred bytes each, but only the
// latest bodies and requests.
const (
	maxBodies     = 200
	maxBodyBytes  = 64 << 20
	maxRequests   = 10_000
	maxViolations = 10_000
	maxRefusals   = 1000
	maxSecrets    = 100_000
	maxRequestIDs = 1_000_000
)

// Filing is a resource or a Bundle that a provider filed.
type Filing struct {
	Number        int // from 1
	Provider      string
	Service       string
	Time          time.Time
	Method        string
	Path          string
	Patient       string   // the name that the person gave
	Types         []string // the types of the filed resources, each once, in order
	Entries       int      // the number of filed resources, which may be lower than that of a batch's entries
	Hash          string   // SHA-256 of the body as received, in hexadecimal
	Identifier    string   // the value of the first identifier in the body
	Run           string   // the value of the first identifier of the system urn:carrel:run
	CorrelationID string
	RequestID     string
	Mode          ResourceMode // how the request failed although the resource was filed
}

// Received is a filing with its request.
type Received struct {
	Filing
	Header  http.Header // without the token
	Body    []byte
	Summary string // a description for people
}

// ResourceRequest is a request at a resource endpoint with a valid token.
type ResourceRequest struct {
	Provider, Service, Method, Path, Hash, CorrelationID, RequestID string

	Time   time.Time
	Mode   ResourceMode // how the request failed
	Status int          // of the response; 0 without one
	Filed  bool
}

// Record is what a simulator has seen. Its methods are safe for concurrent use.
type Record struct {
	mu         sync.Mutex
	filings    []Filing
	received   []Received
	bodyBytes  int
	requests   []ResourceRequest
	violations []string
	refusals   []string
	secrets    []string
	ids        map[string]string // by request id: what it was first used for
}

func newRecord() *Record { return &Record{ids: map[string]string{}} }

// Filed lists everything that was filed, in order.
func (r *Record) Filed() []Filing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.filings)
}

// Received lists the latest filings with their requests, in order.
func (r *Record) Received() []Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.received)
}

// ResourceRequests lists the latest requests at resource endpoints with a valid token, in
// the order of the responses.
func (r *Record) ResourceRequests() []ResourceRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Violations lists the rules that requests broke, in order. It contains no secret and
// nothing of a body.
func (r *Record) Violations() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}

// RefusedConnections lists the errors of failed connections, such as a TLS handshake
// without a valid client certificate.
func (r *Record) RefusedConnections() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.refusals)
}

// Secrets lists the issued codes and tokens. No log and no page may contain one.
func (r *Record) Secrets() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.secrets)
}

// ResetRecord deletes the record. Codes and tokens stay valid, and request ids stay used.
func (r *Record) ResetRecord() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filings, r.received, r.requests, r.violations, r.refusals, r.bodyBytes = nil, nil, nil, nil, nil, 0
}

// addFiling records a filing.
func (r *Record) addFiling(f Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Number = len(r.filings) + 1
	r.filings = append(r.filings, f.Filing)
	r.received = append(r.received, f)
	r.bodyBytes += len(f.Body)
	for len(r.received) > maxBodies || len(r.received) > 1 && r.bodyBytes > maxBodyBytes {
		r.bodyBytes -= len(r.received[0].Body)
		r.received[0] = Received{} // so that the body can be collected
		r.received = r.received[1:]
	}
}

func (r *Record) addRequest(a ResourceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, a)
	if len(r.requests) > maxRequests {
		r.requests = r.requests[1:]
	}
}

func (r *Record) addSecret(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.secrets) < maxSecrets {
		r.secrets = append(r.secrets, token)
	}
}

func (r *Record) addRefusal(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refusals) < maxRefusals {
		r.refusals = append(r.refusals, strings.TrimSpace(line))
	}
}

func (r *Record) addViolation(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.violations) < maxViolations {
		r.violations = append(r.violations, text)
	}
}

// useRequestID records a request id and reports whether it may be used: it is new, or it
// was used for the same purpose before, as when a browser reloads a page.
func (r *Record) useRequestID(id, purpose string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, used := r.ids[id]
	if !used && len(r.ids) < maxRequestIDs {
		r.ids[id] = purpose
	}
	return !used || purpose != "" && before == purpose
}

// recordViolation records that a request broke a rule. The text must not contain secrets
// or content of the request.
func (s *Simulator) recordViolation(r *http.Request, rule, format string, args ...any) {
	text := fmt.Sprintf("%s: %s (%s %s)", rule, fmt.Sprintf(format, args...), r.Method, truncatePath(r.URL.Path))
	s.Record.addViolation(text)
	s.Log.Warn("rule broken", "rule", text)
}

// truncatePath truncates a path for a message.
func truncatePath(path string) string {
	if len(path) > 200 {
		return path[:200] + "…"
	}
	return path
}

func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

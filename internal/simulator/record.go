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

// How much is remembered. What is filed is remembered for good, in a few hundred
// bytes each; bodies and attempts only of the last ones.
const (
	maxBodies     = 200
	maxBodyBytes  = 64 << 20
	maxRequests   = 10_000
	maxViolations = 10_000
	maxRefusals   = 1000
	maxSecrets    = 100_000
	maxRequestIDs = 1_000_000
)

// Filing is something that a provider filed.
type Filing struct {
	Number        int // from 1
	Provider      string
	Service       string
	Time          time.Time
	Method        string
	Path          string
	Patient       string   // whom the person said they are
	Types         []string // of the resources filed, each once, in order
	Entries       int      // how many resources were filed: of a batch perhaps not all
	Hash          string   // SHA-256 of the body as it came, in hexadecimal
	Identifier    string   // the first identifier's value in it
	Run           string   // the value of the first identifier of the system urn:carrel:run
	CorrelationID string
	RequestID     string
	Mode          ResourceMode // what went wrong all the same
}

// Received is a filing with what came.
type Received struct {
	Filing
	Header  http.Header // without the token
	Body    []byte
	Summary string // for people
}

// ResourceRequest is a request at a resource endpoint that came with a good token, whatever
// became of it.
type ResourceRequest struct {
	Provider, Service, Method, Path, Hash, CorrelationID, RequestID string

	Time   time.Time
	Mode   ResourceMode // what was made to go wrong
	Status int          // what was answered; 0 when nothing was
	Filed  bool
}

// record is what a simulator remembers.
type record struct {
	mu         sync.Mutex
	filings    []Filing
	received   []Received
	bodyBytes  int
	requests   []ResourceRequest
	violations []string
	refusals   []string
	secrets    []string
	ids        map[string]string // request id → what it was first used for
}

func newRecord() *record { return &record{ids: map[string]string{}} }

// Filed is everything that was filed, in order.
func (s *Simulator) Filed() []Filing {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.filings)
}

// Received is what was filed lately, with its bodies, in order.
func (s *Simulator) Received() []Received {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.received)
}

// Attempts are the last requests at the resource endpoints that came with a good token,
// in the order in which they were answered.
func (s *Simulator) ResourceRequests() []ResourceRequest {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.requests)
}

// Violations are the rules that requests broke, in order. They name no secret and
// nothing of what was sent.
func (s *Simulator) Violations() []string {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.violations)
}

// Refused are the connections that came to nothing, as the TLS server tells it: no
// certificate, one of another authority, one of another host.
func (s *Simulator) RefusedConnections() []string {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.refusals)
}

// Secrets are the codes and tokens that were given out: none of them may stand in a
// log or on a page.
func (s *Simulator) Secrets() []string {
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	return slices.Clone(s.record.secrets)
}

// Forget empties the record; what was given out stays good, and request ids stay used.
func (s *Simulator) ResetRecord() {
	r := s.record
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filings, r.received, r.requests, r.violations, r.refusals, r.bodyBytes = nil, nil, nil, nil, nil, 0
}

// add files.
func (r *record) addFiling(f Received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Number = len(r.filings) + 1
	r.filings = append(r.filings, f.Filing)
	r.received = append(r.received, f)
	r.bodyBytes += len(f.Body)
	for len(r.received) > maxBodies || len(r.received) > 1 && r.bodyBytes > maxBodyBytes {
		r.bodyBytes -= len(r.received[0].Body)
		r.received[0] = Received{} // let go of the body before the array moves on
		r.received = r.received[1:]
	}
}

func (r *record) addRequest(a ResourceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, a)
	if len(r.requests) > maxRequests {
		r.requests = r.requests[1:]
	}
}

func (r *record) addSecret(token string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.secrets) < maxSecrets {
		r.secrets = append(r.secrets, token)
	}
}

func (r *record) addRefusal(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refusals) < maxRefusals {
		r.refusals = append(r.refusals, strings.TrimSpace(line))
	}
}

func (r *record) addViolation(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.violations) < maxViolations {
		r.violations = append(r.violations, text)
	}
}

// use takes a request id, and says whether it is used for the first time. The same
// use again, a page that a browser loads anew, counts as the first.
func (r *record) useRequestID(id, what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, used := r.ids[id]
	if !used && len(r.ids) < maxRequestIDs {
		r.ids[id] = what
	}
	return !used || what != "" && before == what
}

// violate notes that a request broke a rule. The text must hold nothing of the
// request but what a log may show.
func (s *Simulator) recordViolation(r *http.Request, rule, format string, args ...any) {
	text := fmt.Sprintf("%s: %s (%s %s)", rule, fmt.Sprintf(format, args...), r.Method, truncatePath(r.URL.Path))
	s.record.addViolation(text)
	s.Log.Warn("rule broken", "rule", text)
}

// truncatePath is a path as a message can show it.
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

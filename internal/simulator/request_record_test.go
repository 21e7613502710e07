package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// The record keeps all filings, but only the latest bodies.
func TestManyFilings(t *testing.T) {
	s := &Simulator{Record: newRecord(), store: newResourceStore()}
	const many = 10_500
	body := []byte(strings.Repeat("x", 10_000))
	var wait sync.WaitGroup
	for g := range 10 {
		wait.Go(func() {
			for i := range many / 10 {
				s.Record.addFiling(Received{Filing: Filing{Hash: hashOf([]byte{byte(i)}),
					Run: strconv.Itoa(g*many/10 + i)}, Body: body})
				s.store.put("p", "q", "Observation", uuid.NewString(), element{"resourceType": "Observation"},
					time.Now())
			}
		})
	}
	wait.Wait()
	filed, received := s.Filed(), s.Received()
	if len(filed) != many || len(received) != maxBodies || received[len(received)-1].Number != many ||
		s.Record.bodyBytes != maxBodies*len(body) {
		t.Errorf("%d filed, %d received, %d bytes", len(filed), len(received), s.Record.bodyBytes)
	}
	if len(s.store.order) != maxStored || len(s.store.resources) != maxStored {
		t.Errorf("%d stored", len(s.store.resources))
	}
	big := make([]byte, maxRequestBody)
	for range 10 {
		s.Record.addFiling(Received{Body: big})
	}
	if s.Record.bodyBytes > maxBodyBytes {
		t.Errorf("%d bytes kept", s.Record.bodyBytes)
	}
}

// Each of many concurrent requests is filed once.
func TestConcurrentDeliveries(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			got, err := n.do(c.request(http.MethodPost, "", measurementsBundle("batch", strconv.Itoa(i))))
			if err != nil || got.status != http.StatusOK {
				t.Errorf("%d, %v", got.status, err)
			}
		})
	}
	wait.Wait()
	runs := map[string]bool{}
	for _, f := range n.s.Filed() {
		runs[f.Run] = true
	}
	if len(runs) != 100 || len(n.s.Filed()) != 100 {
		t.Errorf("%d runs in %d filings", len(runs), len(n.s.Filed()))
	}
	n.assertNoViolations()
}

// Secrets has all codes and tokens, and the rest of the record contains none of them.
func TestSecretsAreKnown(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	n.s.SetBehaviour("", Behaviour{RefreshTokens: true})
	c := n.connect("huisartslinde", "53")
	secrets := n.s.Secrets()
	if len(secrets) != 3 || !slices.Contains(secrets, c.access) || !slices.Contains(secrets, c.refresh) {
		t.Errorf("%d secrets", len(secrets))
	}
	r := c.request(http.MethodGet, "/Patient?patient=1&access_token="+c.access, nil)
	n.mustRespond(n.do(r))
	c.send(http.MethodPost, "", measurementsBundle("batch", "run"))
	said, err := json.Marshal([]any{n.s.Violations(), n.s.Filed(), n.s.Received(), n.s.ResourceRequests(),
		n.s.RefusedConnections()})
	if err != nil || len(n.s.Violations()) == 0 {
		t.Fatal(err)
	}
	for _, secret := range secrets {
		if strings.Contains(string(said), secret) {
			t.Error("the record contains a secret")
		}
	}
}

func TestRequestsBounded(t *testing.T) {
	r := newRecord()
	for i := range maxRequests + 5 {
		r.addRequest(ResourceRequest{Status: i})
	}
	if n := len(r.requests); n != maxRequests || r.requests[n-1].Status != maxRequests+4 {
		t.Errorf("%d requests, the last %+v", n, r.requests[n-1])
	}
}

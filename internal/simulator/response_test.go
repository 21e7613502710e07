package simulator

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// If a client follows a redirect, this is recorded, and also whether it sends the token.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	n.s.SetBehaviour("", Behaviour{Resource: ResourceRedirect307})
	n.http.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		r.Header.Set("Authorization", via[0].Header.Get("Authorization"))
		return nil
	}
	if got := c.send(http.MethodPost, "", measurementsBundle("batch", "run")); got.status != http.StatusTeapot {
		t.Errorf("%d", got.status)
	}
	if broken := n.s.Violations(); len(broken) != 2 || !strings.HasPrefix(broken[0], "outside:") {
		t.Errorf("%q", broken)
	}
}

// An endless response has 100 MB.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("huisartslinde", "53")
	n.s.SetBehaviour("", Behaviour{Resource: ResourceEndless})
	answer, err := n.http.Do(c.request(http.MethodPost, "", measurementsBundle("batch", "run")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if got, err := io.Copy(io.Discard, answer.Body); err != nil || got < endlessBytes {
		t.Errorf("%d bytes, %v", got, err)
	}
}

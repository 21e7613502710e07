package simulator

import (
	"net/http"
	"testing"
	"time"
)

// Close ends requests that wait for a late response.
func TestCloseEndsRequests(t *testing.T) {
	t.Parallel()
	n := startSimulator(t)
	c := n.connect("balanspunt", "53")
	n.s.SetBehaviour("", Behaviour{Resource: ResourceLate})
	done := make(chan error, 1)
	go func() {
		_, err := n.do(c.request(http.MethodPost, "", measurementsBundle("batch", "run")))
		done <- err
	}()
	for len(n.s.Filed()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := n.s.Close(); err != nil {
		t.Error(err)
	}
	if <-done == nil {
		t.Error("the request got a response after Close")
	}
}

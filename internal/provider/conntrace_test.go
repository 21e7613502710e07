package provider

import (
	"crypto/tls"
	"net"
	"testing"
)

// TestAlertAfterAnAnswer: once the server has begun to answer, an alert says nothing of
// what it has filed.
func TestAlertAfterAnAnswer(t *testing.T) {
	l := newConnTrace()
	l.wrote, l.received = true, true
	l.readErr = &net.OpError{Op: "remote error", Err: tls.AlertError(42)}
	if f := l.transportError(t.Context(), l.readErr); !f.Sent {
		t.Errorf("%+v", f)
	}
}

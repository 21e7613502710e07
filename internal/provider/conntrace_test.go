package provider

import (
	"crypto/tls"
	"net"
	"testing"
)

// After the first byte of a response an alert no longer means that the server has read
// nothing.
func TestAlertAfterResponse(t *testing.T) {
	l := newConnTrace()
	l.wrote, l.received = true, true
	l.readErr = &net.OpError{Op: "remote error", Err: tls.AlertError(42)}
	if f := l.transportError(t.Context(), l.readErr); !f.Sent {
		t.Errorf("%+v", f)
	}
}

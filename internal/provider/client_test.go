package provider

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestNeverTwice uses a server that cuts each connection at another byte of the request.
// No request is sent a second time.
func TestNeverTwice(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	var n atomic.Int32
	s := providertest.ServeRaw(t, pki.mutualTLS(),
		func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 7*int64(n.Add(1))) })
	big := patient
	big.Body = []byte(`{"resourceType":"Patient","x":"` + strings.Repeat("x", 1<<20) + `"}`)
	const times = 40
	for i := range times {
		r := patient
		if i%2 == 1 {
			r = big
		}
		if a := pki.send(t, s.URL, r); a.Kind != unknown && a.Kind != notFiled {
			t.Errorf("cut after %d bytes: %+v", 7*i+7, a)
		}
	}
	if got := s.Connections.Load(); got != times {
		t.Errorf("%d connections for %d requests", got, times)
	}
}

// The token and the resource are never sent to the target of a redirect.
func TestRedirects(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	elsewhere := providertest.ServeRaw(t, pki.mutualTLS(), func(net.Conn) {})
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := providertest.ServeRaw(t, pki.mutualTLS(),
			providertest.Respond(fmt.Sprintf("HTTP/1.1 %d There\r\nLocation: %s/fhir\r\nContent-Length: 0\r\n\r\n",
				status, elsewhere.URL)))
		want := refused
		if status == http.StatusSeeOther {
			want = unknown
		}
		if a := pki.send(t, s.URL, patient); a.Kind != want || a.Status != status {
			t.Errorf("%d: %+v", status, a)
		}
	}
	if n := elsewhere.Connections.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestCancel cancels requests at many moments. Nothing of a request whose outcome is
// "not filed" has arrived.
func TestCancel(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	var mu sync.Mutex
	var arrived []string
	s := providertest.ServeRaw(t, pki.mutualTLS(), func(c net.Conn) {
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		text, _ := io.ReadAll(c)
		mu.Lock()
		defer mu.Unlock()
		if len(text) > 0 {
			arrived = append(arrived, string(text))
		}
	})
	notSent, mayBeSent := map[string]bool{}, 0
	for i := range 100 {
		run := fmt.Sprintf("run-%d-", i)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
		a := pki.newClient(&pki.client).
			SendResource(ctx, ResourceRequest{BaseURL: s.URL, Resource: patient, Token: seal.SecretOf(run)})
		cancel()
		switch a.Kind {
		case unknown:
			mayBeSent++
		case notFiled:
			notSent[run] = true
		default:
			t.Errorf("cancelled: %+v", a)
		}
	}
	s.Close() // has read all that arrived
	for run := range notSent {
		for _, text := range arrived {
			if strings.Contains(text, run) {
				t.Errorf("the outcome of %s was not filed, but it was sent", run)
			}
		}
	}
	if len(arrived) > mayBeSent {
		t.Errorf("%d requests arrived, but the outcome of only %d was unknown", len(arrived), mayBeSent)
	}
	t.Logf("not sent: %d, possibly sent: %d", len(notSent), mayBeSent)
}

func TestNoProxy(t *testing.T) {
	pki := newTestPKI(t)
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://localhost:1")
	}
	s := providertest.ServeRaw(t, pki.mutualTLS(), providertest.Respond("HTTP/1.1 201 Created\r\n\r\n"))
	if a := pki.send(t, s.URL, patient); a.Kind != delivered {
		t.Errorf("%+v", a)
	}
}

// Plain HTTP is allowed to loopback hosts only, and only with the option.
func TestPlainHTTP(t *testing.T) {
	s := providertest.ServeRaw(t, nil, providertest.Respond("HTTP/1.1 201 Created\r\n\r\n"))
	for _, tt := range []struct {
		loopback bool
		base     string
		want     delivery.OutcomeKind
	}{
		{true, s.URL, delivered},
		{false, s.URL, notFiled},
		{true, "http://fhir.example", notFiled},
		{true, "ftp://localhost", notFiled},
		{true, "http://localhost.example", notFiled},
		{true, "::", notFiled},
	} {
		a := NewClient(&tls.Config{MinVersion: tls.VersionTLS12}, tt.loopback, nil).SendResource(t.Context(),
			ResourceRequest{BaseURL: tt.base, Resource: patient, Token: seal.SecretOf(token)})
		if a.Kind != tt.want {
			t.Errorf("%+v: %+v", tt, a)
		}
	}
	if n := s.Connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

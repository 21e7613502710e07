package provider

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

func TestSendResource(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	type seen struct {
		method, uri string
		header      http.Header
		body        string
	}
	requests := make(chan seen, 2)
	url := providertest.Serve(t, pki.mutualTLS(), http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		requests <- seen{req.Method, req.RequestURI, req.Header, string(body)}
		rw.WriteHeader(http.StatusCreated)
	}))
	for name, tt := range map[string]struct {
		base, uri string
		resource  delivery.Resource
	}{
		"a resource":                  {url + "/fhir", "/fhir/Patient", patient},
		"a resource, after a slash":   {url + "/fhir/", "/fhir/Patient", patient},
		"a Bundle":                    {url + "/fhir", "/fhir", bundle},
		"a Bundle, without the slash": {url + "/fhir/", "/fhir", bundle},
		"a Bundle, no path":           {url, "/", bundle},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			pki.newClient(&pki.client).SendResource(ctx, ResourceRequest{
				BaseURL: tt.base, Resource: tt.resource, Token: seal.SecretOf(token),
				Header: http.Header{"X-Correlation-ID": {"run"}},
			})
			got := <-requests
			if got.method != "POST" || got.uri != tt.uri || got.body != string(tt.resource.Body) {
				t.Errorf("%s %s with %q, want POST %s", got.method, got.uri, got.body, tt.uri)
			}
			for name, want := range map[string]string{
				"Accept": "application/fhir+json", "Content-Type": "application/fhir+json",
				"Prefer": "return=representation", "Authorization": "Bearer " + token, "X-Correlation-ID": "run",
				"Content-Length": fmt.Sprint(len(tt.resource.Body)), "Accept-Encoding": "", "User-Agent": "carrel",
			} {
				if v := got.header.Get(name); v != want {
					t.Errorf("%s is %q, want %q", name, v, want)
				}
			}
		})
	}
}

func TestSendResourceNotFHIR(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	for _, r := range []delivery.Resource{
		{Body: []byte(`{"resourceType":"Patient"}`)},
		{Body: []byte(`not JSON`)},
		{Path: "../admin", Body: []byte(`{}`)},
		{Path: "Patient?x=y", Body: []byte(`{}`)},
		{Path: "Patient/1", Body: []byte(`{}`)},
	} {
		a := pki.send(t, "https://localhost:1", r)
		if a.Kind != refused || a.Status != 0 || !strings.HasPrefix(a.Reason, "not sent") {
			t.Errorf("%q: %+v", r.Path, a)
		}
	}
}

// TestResponses has the responses that a client can get, byte by byte.
func TestResponses(t *testing.T) {
	t.Parallel()
	pki := newTestPKI(t)
	const ok, created = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 201 Created\r\n"
	respond := providertest.Respond
	long := strings.Repeat("x", 2*maxResponse)
	for name, tt := range map[string]struct {
		handle  providertest.ConnHandler
		one     delivery.OutcomeKind
		both    delivery.OutcomeKind
		status  int
		timeout bool
	}{
		"nothing at all":        {respond(""), unknown, unknown, 0, false},
		"not HTTP":              {respond("220 mail.example ESMTP\r\n"), unknown, unknown, 0, false},
		"half a status":         {respond("HTTP/1.1 20"), unknown, unknown, 0, false},
		"half a header":         {respond(created + "Content-Le"), unknown, unknown, 0, false},
		"a header that is long": {respond(created + "X: " + long + "\r\n\r\n"), unknown, unknown, 0, false},
		"no body":               {respond(created + "Content-Length: 0\r\n\r\n"), delivered, unknown, 201, false},
		"half a body": {respond(created + "Content-Length: 100\r\n\r\n{\"resour"), delivered, unknown, 201,
			false},
		"half a chunk": {respond(created + "Transfer-Encoding: chunked\r\n\r\n64\r\n{\"resour"), delivered,
			unknown, 201, false},
		"too long":   {respond(ok + "\r\n{\"x\":\"" + long + "\"}"), delivered, unknown, 200, false},
		"a page":     {respond(ok + "Content-Type: text/html\r\n\r\n<html>"), unknown, unknown, 200, false},
		"both filed": {respond(ok + "\r\n" + batch("201", "201")), delivered, delivered, 200, false},
		"one filed":  {respond(ok + "\r\n" + batch("201", "422")), delivered, refused, 200, false},
		"packed unasked": {respond(ok + "Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00"), delivered, unknown,
			200, false},
		"go on first": {respond("HTTP/1.1 100 Continue\r\n\r\n" + created + "\r\n" + batch("201", "201")),
			delivered, delivered, 201, false},
		"hints first": {respond("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 422 No\r\n\r\n"), refused, refused,
			422, false},
		"another protocol": {respond("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
			unknown, unknown, 101, false},
		"closed at once": {func(net.Conn) {}, unknown, unknown, 0, false},
		"closed after some": {func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 10)) }, unknown, unknown, 0,
			false},
		"silence": {func(c net.Conn) { providertest.ReadRequest(c); discardUntilClosed(c) }, unknown,
			unknown, 0, true},
		"silence after a status": {func(c net.Conn) { respond(created)(c); discardUntilClosed(c) }, unknown, unknown, 0,
			true},
		"silence in the body": {func(c net.Conn) {
			respond(created + "Content-Length: 9\r\n\r\n{")(c)
			discardUntilClosed(c)
		}, delivered, unknown, 201, false},
		"401 before it has read": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}, unauthorized, unauthorized, 401, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := providertest.ServeRaw(t, pki.mutualTLS(), tt.handle)
			for _, r := range []struct {
				resource delivery.Resource
				want     delivery.OutcomeKind
			}{{patient, tt.one}, {bundle, tt.both}} {
				within := 30 * time.Second
				if strings.HasPrefix(name, "silence") {
					within = time.Second
				}
				ctx, cancel := context.WithTimeout(t.Context(), within)
				a := pki.newClient(&pki.client).
					SendResource(ctx, ResourceRequest{BaseURL: s.URL, Resource: r.resource,
						Token: seal.SecretOf(token)})
				cancel()
				if a.Kind != r.want || a.Status != tt.status || a.Timeout != tt.timeout {
					t.Errorf("%q: %+v, want %v, status %d, timeout %v", r.resource.Path, a, r.want, tt.status,
						tt.timeout)
				}
				if strings.Contains(a.Reason, token) || strings.Contains(a.Reason, "ESMTP") || a.Reason == "" {
					t.Errorf("reason %q", a.Reason)
				}
			}
			if n := s.Connections.Load(); n != 2 {
				t.Errorf("%d connections for two requests", n)
			}
		})
	}
}

// The token is masked when a request is printed.
func TestResourceRequestMasked(t *testing.T) {
	p := ResourceRequest{BaseURL: "https://localhost", Resource: patient, Token: seal.SecretOf(token)}
	if text := fmt.Sprintf("%v %+v %#v", p, p, p); bytes.Contains([]byte(text), []byte(token)) {
		t.Error(text)
	}
}

func TestBearerError(t *testing.T) {
	for challenge, want := range map[string]string{
		`Bearer error="invalid_token", error_description="it has expired"`: "invalid_token",
		`bearer realm="x", error="insufficient_scope"`:                     "insufficient_scope",
		`Bearer error="secret of somebody"`:                                "",
		`Basic error="invalid_token"`:                                      "",
		``:                                                                 "",
		`Bearer`:                                                           "",
	} {
		if got := bearerError(challenge); got != want {
			t.Errorf("%s: %q, want %q", challenge, got, want)
		}
	}
}

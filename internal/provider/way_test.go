package provider

import (
	"bytes"
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
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

const token = "token-that-nobody-may-see"

// patient is a resource, and bundle a Bundle of two.
var (
	patient = delivery.Resource{Version: fhir.STU3, Path: "Patient", Types: []string{"Patient"}, Body: []byte(`{"resourceType":"Patient"}`)}
	bundle  = delivery.Resource{Version: fhir.STU3, Types: []string{"Bundle"}, Body: []byte(`{"resourceType":"Bundle","type":"batch","entry":[{},{}]}`)}
)

// world is an authority that both sides trust, and the certificates of both.
type world struct {
	ca             *providertest.CA
	client, server tls.Certificate
}

func newWorld(t testing.TB) world {
	ca := providertest.NewCA(t, "PKI of the test")
	return world{
		ca:     ca,
		client: ca.Pair(t, providertest.Leaf{Hosts: []string{"medmij.example.nl"}}),
		server: ca.Pair(t, providertest.Leaf{Hosts: []string{"localhost", "127.0.0.1"}}),
	}
}

// mutual is the server's side.
func (w world) mutual() *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{w.server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: w.ca.Pool(),
	}
}

// way is ours, with a client's certificate or without.
func (w world) way(client *tls.Certificate) *Way {
	c := &tls.Config{RootCAs: w.ca.Pool(), MinVersion: tls.VersionTLS12}
	if client != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return client, nil }
	}
	return NewWay(c, false, nil)
}

func (w world) post(t *testing.T, base string, r delivery.Resource) Attempt {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return w.way(&w.client).Post(ctx, Parcel{Base: base, Resource: r, Token: seal.SecretOf(token)})
}

func TestPost(t *testing.T) {
	w := newWorld(t)
	type seen struct {
		method, uri string
		header      http.Header
		body        string
	}
	requests := make(chan seen, 2)
	url := providertest.Serve(t, w.mutual(), http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		requests <- seen{req.Method, req.RequestURI, req.Header, string(body)}
		rw.WriteHeader(http.StatusCreated)
	}))
	for _, tt := range []struct {
		base, uri string
		resource  delivery.Resource
	}{
		{url + "/fhir", "/fhir/Patient", patient},
		{url + "/fhir/", "/fhir/Patient", patient},
		{url + "/fhir", "/fhir", bundle},
		{url + "/fhir/", "/fhir", bundle},
		{url, "/", bundle},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		w.way(&w.client).Post(ctx, Parcel{
			Base: tt.base, Resource: tt.resource, Token: seal.SecretOf(token), Header: http.Header{"X-Correlation-ID": {"run"}},
		})
		cancel()
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
	}
}

func TestPostNoResource(t *testing.T) {
	w := newWorld(t)
	for _, r := range []delivery.Resource{
		{Body: []byte(`{"resourceType":"Patient"}`)},
		{Body: []byte(`not JSON`)},
		{Path: "../admin", Body: []byte(`{}`)},
		{Path: "Patient?x=y", Body: []byte(`{}`)},
		{Path: "Patient/1", Body: []byte(`{}`)},
	} {
		a := w.post(t, "https://localhost:1", r)
		if a.Kind != refused || a.Status != 0 || !strings.HasPrefix(a.Reason, "not sent") {
			t.Errorf("%q: %+v", r.Path, a)
		}
	}
}

// TestAnswers looks at what can go wrong once a request was sent, on the wire.
func TestAnswers(t *testing.T) {
	w := newWorld(t)
	const ok, created = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 201 Created\r\n"
	long := strings.Repeat("x", 2*maxAnswer)
	for name, tt := range map[string]struct {
		script  providertest.Script
		one     delivery.OutcomeKind
		both    delivery.OutcomeKind
		status  int
		timeout bool
	}{
		"nothing at all":         {providertest.Answer(""), unknown, unknown, 0, false},
		"not HTTP":               {providertest.Answer("220 mail.example ESMTP\r\n"), unknown, unknown, 0, false},
		"half a status":          {providertest.Answer("HTTP/1.1 20"), unknown, unknown, 0, false},
		"half a header":          {providertest.Answer(created + "Content-Le"), unknown, unknown, 0, false},
		"a header that is long":  {providertest.Answer(created + "X: " + long + "\r\n\r\n"), unknown, unknown, 0, false},
		"no body":                {providertest.Answer(created + "Content-Length: 0\r\n\r\n"), delivered, unknown, 201, false},
		"half a body":            {providertest.Answer(created + "Content-Length: 100\r\n\r\n{\"resour"), delivered, unknown, 201, false},
		"half a chunk":           {providertest.Answer(created + "Transfer-Encoding: chunked\r\n\r\n64\r\n{\"resour"), delivered, unknown, 201, false},
		"too long":               {providertest.Answer(ok + "\r\n{\"x\":\"" + long + "\"}"), delivered, unknown, 200, false},
		"a page":                 {providertest.Answer(ok + "Content-Type: text/html\r\n\r\n<html>"), unknown, unknown, 200, false},
		"both filed":             {providertest.Answer(ok + "\r\n" + batch("201", "201")), delivered, delivered, 200, false},
		"one filed":              {providertest.Answer(ok + "\r\n" + batch("201", "422")), delivered, refused, 200, false},
		"packed unasked":         {providertest.Answer(ok + "Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00"), delivered, unknown, 200, false},
		"go on first":            {providertest.Answer("HTTP/1.1 100 Continue\r\n\r\n" + created + "\r\n" + batch("201", "201")), delivered, delivered, 201, false},
		"hints first":            {providertest.Answer("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 422 No\r\n\r\n"), refused, refused, 422, false},
		"another protocol":       {providertest.Answer("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), unknown, unknown, 101, false},
		"closed at once":         {func(net.Conn) {}, unknown, unknown, 0, false},
		"closed after some":      {func(c net.Conn) { _, _ = io.ReadFull(c, make([]byte, 10)) }, unknown, unknown, 0, false},
		"silence":                {func(c net.Conn) { providertest.ReadRequest(c); untilHungUp(c) }, unknown, unknown, 0, true},
		"silence after a status": {func(c net.Conn) { providertest.Answer(created)(c); untilHungUp(c) }, unknown, unknown, 0, true},
		"silence in the body": {func(c net.Conn) {
			providertest.Answer(created + "Content-Length: 9\r\n\r\n{")(c)
			untilHungUp(c)
		}, delivered, unknown, 201, false},
		"401 before it has read": {func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}, unauthorized, unauthorized, 401, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := providertest.ServeRaw(t, w.mutual(), tt.script)
			for _, r := range []struct {
				resource delivery.Resource
				want     delivery.OutcomeKind
			}{{patient, tt.one}, {bundle, tt.both}} {
				within := 30 * time.Second
				if strings.HasPrefix(name, "silence") {
					within = time.Second
				}
				ctx, cancel := context.WithTimeout(t.Context(), within)
				a := w.way(&w.client).Post(ctx, Parcel{Base: s.URL, Resource: r.resource, Token: seal.SecretOf(token)})
				cancel()
				if a.Kind != r.want || a.Status != tt.status || a.Timeout != tt.timeout {
					t.Errorf("%q: %+v, want %v, status %d, timeout %v", r.resource.Path, a, r.want, tt.status, tt.timeout)
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

// untilHungUp is silent until the other side has had enough.
func untilHungUp(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// TestNeverTwice has a server that cuts each connection at another byte of the request:
// whatever happened, no second one comes.
func TestNeverTwice(t *testing.T) {
	w := newWorld(t)
	var n atomic.Int32
	s := providertest.ServeRaw(t, w.mutual(), func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 7*int64(n.Add(1))) })
	big := patient
	big.Body = []byte(`{"resourceType":"Patient","x":"` + strings.Repeat("x", 1<<20) + `"}`)
	const times = 40
	for i := range times {
		r := patient
		if i%2 == 1 {
			r = big
		}
		if a := w.post(t, s.URL, r); a.Kind != unknown && a.Kind != notFiled {
			t.Errorf("cut after %d bytes: %+v", 7*i+7, a)
		}
	}
	if got := s.Connections.Load(); got != times {
		t.Errorf("%d connections for %d requests", got, times)
	}
}

// TestRedirects: the token and the resource never go to another address.
func TestRedirects(t *testing.T) {
	w := newWorld(t)
	elsewhere := providertest.ServeRaw(t, w.mutual(), func(net.Conn) {})
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := providertest.ServeRaw(t, w.mutual(), providertest.Answer(fmt.Sprintf(
			"HTTP/1.1 %d There\r\nLocation: %s/fhir\r\nContent-Length: 0\r\n\r\n", status, elsewhere.URL)))
		want := refused
		if status == http.StatusSeeOther {
			want = unknown
		}
		if a := w.post(t, s.URL, patient); a.Kind != want || a.Status != status {
			t.Errorf("%d: %+v", status, a)
		}
	}
	if n := elsewhere.Connections.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestGivenUp cancels at every moment: what was said not to be filed was not sent.
func TestGivenUp(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var arrived []string
	s := providertest.ServeRaw(t, w.mutual(), func(c net.Conn) {
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
		a := w.way(&w.client).Post(ctx, Parcel{Base: s.URL, Resource: patient, Token: seal.SecretOf(run)})
		cancel()
		switch a.Kind {
		case unknown:
			mayBeSent++
		case notFiled:
			notSent[run] = true
		default:
			t.Errorf("given up: %+v", a)
		}
	}
	time.Sleep(100 * time.Millisecond) // for what may be on its way
	mu.Lock()
	defer mu.Unlock()
	for run := range notSent {
		for _, text := range arrived {
			if strings.Contains(text, run) {
				t.Errorf("%s was said to be not filed, but was sent", run)
			}
		}
	}
	if len(arrived) > mayBeSent {
		t.Errorf("something arrived of %d requests, but only of %d it was said that it might have", len(arrived), mayBeSent)
	}
	t.Logf("not sent: %d, perhaps sent: %d", len(notSent), mayBeSent)
}

func TestNoProxy(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://localhost:1")
	}
	s := providertest.ServeRaw(t, w.mutual(), providertest.Answer("HTTP/1.1 201 Created\r\n\r\n"))
	if a := w.post(t, s.URL, patient); a.Kind != delivered {
		t.Errorf("%+v", a)
	}
}

// TestPlainHTTP: http is for this machine, and only where that is allowed.
func TestPlainHTTP(t *testing.T) {
	s := providertest.ServeRaw(t, nil, providertest.Answer("HTTP/1.1 201 Created\r\n\r\n"))
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
		a := NewWay(&tls.Config{MinVersion: tls.VersionTLS12}, tt.loopback, nil).Post(t.Context(), Parcel{Base: tt.base, Resource: patient, Token: seal.SecretOf(token)})
		if a.Kind != tt.want {
			t.Errorf("%+v: %+v", tt, a)
		}
	}
	if n := s.Connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestMasked: the token is in no text that comes of a parcel.
func TestMasked(t *testing.T) {
	p := Parcel{Base: "https://localhost", Resource: patient, Token: seal.SecretOf(token)}
	if text := fmt.Sprintf("%v %+v %#v", p, p, p); bytes.Contains([]byte(text), []byte(token)) {
		t.Error(text)
	}
}

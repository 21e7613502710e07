package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"time"
)

// The other servers that Carrel is compared with are measured by uploads: the same client sends as many bytes, each
// time to a new name, and all requests are made beforehand.

// Upload says what is uploaded to another server.
type Upload struct {
	Load
	URL  string // of the server
	Size int    // of each upload in bytes
}

// uploads is the scenario of an upload. Head and tail are what the server wants around the content.
type uploads struct {
	name string
	size int
	// request returns the head of a request with a content of a size, and what follows the content.
	request func(i int) (head, tail []byte, err error)
}

// Name implements [Scenario].
func (u uploads) Name() string { return u.name }

// Requests implements [Scenario]. The content is the same in all of them.
func (u uploads) Requests(_ context.Context, n int, progress func(string)) ([]Request, error) {
	progress(fmt.Sprintf("making %d requests", n))
	content := make([]byte, u.size)
	_, _ = rand.Read(content) // never fails, by its documentation
	requests := make([]Request, n)
	for i := range requests {
		head, tail, err := u.request(i)
		if err != nil {
			return nil, err
		}
		requests[i] = Request{Head: head, Body: content, Tail: tail, Content: int64(u.size)}
	}
	return requests, nil
}

// Check implements [Scenario]. The status says all.
func (uploads) Check(*Request, Answer) error { return nil }

// run uploads and measures.
func (u Upload) run(ctx context.Context, target Target, s uploads, progress func(string)) (Result, error) {
	if u.Size < 0 {
		return Result{}, fmt.Errorf("--size %d: want a number of bytes", u.Size)
	}
	s.size = u.Size
	r, err := Run(ctx, u.Load, target, s, progress)
	r.Server = u.URL
	return r, err
}

// newPrefix returns the beginning of the names of a run, which no other run has.
func newPrefix() string { return "bench-" + rand.Text()[:10] }

// Put measures uploads to a server that stores the body of a PUT under its path, such as a file server with WebDAV.
func Put(ctx context.Context, u Upload, progress func(string)) (Result, error) {
	target, err := ParseTarget(u.URL)
	if err != nil {
		return Result{}, err
	}
	prefix := newPrefix()
	return u.run(ctx, target, uploads{name: "put", request: func(i int) (head, tail []byte, err error) {
		return fmt.Appendf(nil, "PUT %s/%s-%d HTTP/1.1\r\nHost: %s\r\nContent-Type: application/octet-stream\r\n"+
			"Content-Length: %d\r\n\r\n", target.Base, prefix, i, target.Host, u.Size), nil, nil
	}}, progress)
}

// maxPreparation is how long a request may take that prepares uploads.
const maxPreparation = 30 * time.Second

// prepare sends a request that prepares uploads, and returns the status and the beginning of the body.
func prepare(request *http.Request) (status int, body []byte, err error) {
	client := &http.Client{Timeout: maxPreparation}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxKept))
	return answer.StatusCode, body, err
}

package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
)

// List measures lists of files: pages of a person's list at random positions, or whole lists of a session if
// Config.Session is true. They are those of the largest library if Config.Largest is set.
func List(ctx context.Context, c Config, progress func(string)) (Result, error) {
	return measure(ctx, c, needs{reads: true, files: c.filesToRead()}, progress, newListScenario)
}

func newListScenario(c Config, of carrel) Scenario {
	if c.Session {
		return sessionListScenario{of}
	}
	return pageScenario{of}
}

type pageScenario struct{ carrel carrel }

// Name implements [Scenario].
func (pageScenario) Name() string { return "list" }

// Requests implements [Scenario]. The requests are not signed: they have a cookie.
func (s pageScenario) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	progress("choosing pages")
	pages, err := s.carrel.pages(ctx, n)
	if err != nil {
		return nil, err
	}
	requests, target := make([]Request, n), s.carrel.target()
	for i, p := range pages {
		requests[i] = Request{Content: AnswerSize, Head: fmt.Appendf(nil,
			"GET %s/files?%s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nAccept: text/html\r\n\r\n",
			target.Base, p.query, target.Host, p.cookie)}
	}
	return requests, nil
}

// Check implements [Scenario].
func (pageScenario) Check(_ *Request, a Answer) error {
	if !bytes.Contains(a.Body, []byte(`href="/files/`)) {
		return errors.New("the page lists no file: " + excerpt(a.Body))
	}
	return nil
}

type sessionListScenario struct{ carrel carrel }

// Name implements [Scenario].
func (sessionListScenario) Name() string { return "list" }

// Requests implements [Scenario].
func (s sessionListScenario) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	progress("starting sessions")
	sessions, err := s.carrel.sessions(ctx, n)
	if err != nil {
		return nil, err
	}
	return presign(ctx, n, progress, func(i int) (Request, error) {
		head, err := sessions[i].head(s.carrel.target(), "GET", "permission-access/query/"+sessions[i].session,
			wire.RequestClaims{AccessToken: sessions[i].accessToken}, "Accept: application/json\r\n")
		return Request{Head: head, Content: AnswerSize}, err
	})
}

// Check implements [Scenario]. A list that breaks off has no end, which is an error of its own.
func (sessionListScenario) Check(_ *Request, a Answer) error {
	if !bytes.HasPrefix(a.Body, []byte(`{"status":`)) {
		return errors.New("the answer is no list: " + excerpt(a.Body))
	}
	return nil
}

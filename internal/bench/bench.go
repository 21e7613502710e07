// Package bench measures servers: how many requests a second they answer, and how long each takes. A [Scenario]
// prepares the requests; [Run] sends them over connections of its own, and knows nothing of what they ask for. So
// different servers are measured by the same client.
//
// The scenarios of Carrel start a real server in a folder of their own and fill its database, or measure a server that
// runs. Each answer to a push means that one file has been synced to the disk.
//
// On a shared machine the figures depend on the other load. So a run also measures the disk's serial sync rate, the RSA
// signatures of one processor, and the load of all processors.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"
)

// A Scenario says what a run sends.
type Scenario interface {
	// Name is the name in the result.
	Name() string
	// Requests prepares n requests. It does all that would cost the client time during the run.
	Requests(ctx context.Context, n int, progress func(string)) ([]Request, error)
	// Check returns an error unless an answer of a 2xx status is the one to its request. It is called by several
	// goroutines at once.
	Check(r *Request, a Answer) error
}

// A Request is an HTTP/1.1 request as it is sent: Head, Body and Tail, one after the other. Requests share what they
// have in common, such as a large Body.
type Request struct {
	// Head begins with the method, and has all headers and the empty line after them.
	Head []byte
	Body []byte
	Tail []byte
	// Content is how many bytes of content the request moves, in either direction; AnswerSize for as many as its
	// answer has.
	Content int64
	// Kind tells the requests of a mixed scenario apart; it is empty in others.
	Kind string
}

// AnswerSize stands for the size of an answer.
const AnswerSize = -1

// An Answer is the HTTP response to a request.
type Answer struct {
	Status int
	// Size is the length of the body, and Body its beginning, up to 64 KiB. Body is only valid until Check returns.
	Size int64
	Body []byte
}

// Load says how requests are sent.
type Load struct {
	// Clients is the number of connections. Each has one request under way at a time.
	Clients int
	// Requests is how many are sent in all.
	Requests int
	// Rate is how many requests are to start in a second (an open loop). Zero sends each as soon as a connection is
	// free (a closed loop).
	Rate float64
	// Folder is on the disk whose sync rate is measured; empty for the temporary folder.
	Folder string
}

// Check returns an error if nothing can be sent in this way.
func (l Load) Check() error {
	switch {
	case l.Clients < 1:
		return errors.New("--clients: want at least 1 connection")
	case l.Requests < 1:
		return errors.New("--requests: want at least 1 request")
	case !(l.Rate >= 0), math.IsInf(l.Rate, 0):
		return errors.New("--rate: want a number of requests a second, or 0 for as many as there can be")
	}
	return nil
}

// Result has the measurements of a run.
type Result struct {
	Scenario string `json:"scenario"`
	// Server is the URL of a server that this process has not started: CPUPerRequest and Machine.Own are then those of
	// the client alone. It is empty for a server in this process.
	Server string `json:"server,omitempty"`
	// Rate is that of an open loop.
	Rate float64 `json:"rate,omitempty"`
	// Requests is how many were sent, and Failed how many of them were not answered as they should.
	Requests int           `json:"requests"`
	Failed   int           `json:"failed"`
	Took     time.Duration `json:"tookNanoseconds"`
	// PerSecond and BytesPerSecond count the requests that have not failed, and their content.
	PerSecond      float64 `json:"perSecond"`
	BytesPerSecond float64 `json:"bytesPerSecond"`
	// Latency is that of the requests that have not failed.
	Latency Latency `json:"latency"`
	// Kinds has the requests of a mixed scenario by their kind.
	Kinds map[string]Kind `json:"kinds,omitempty"`
	// CPUPerRequest is the processor time of this process for each request.
	CPUPerRequest time.Duration `json:"cpuPerRequestNanoseconds"`
	Machine       Machine       `json:"machine"`

	firstFailure error
}

// Kind has the measurements of the requests of one kind.
type Kind struct {
	Requests  int     `json:"requests"`
	Failed    int     `json:"failed"`
	PerSecond float64 `json:"perSecond"`
	Latency   Latency `json:"latency"`
}

// Err returns an error if requests have failed, with the first of the failures.
func (r Result) Err() error {
	if r.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d requests failed, first: %w", r.Failed, r.Requests, r.firstFailure)
}

// Run prepares the requests of a scenario, sends them and measures. Requests that fail are counted: see [Result.Err].
func Run(ctx context.Context, l Load, t Target, s Scenario, progress func(string)) (Result, error) {
	if err := l.Check(); err != nil {
		return Result{}, err
	}
	requests, err := s.Requests(ctx, l.Requests, progress)
	if err != nil {
		return Result{}, err
	}
	runtime.GC() // what was made beforehand is not the run's
	progress("measuring the machine")
	machine, err := measureMachine(l.Folder)
	if err != nil {
		return Result{}, err
	}
	progress(fmt.Sprintf("sending %d requests from %d connections", len(requests), l.Clients))
	recorded := newRecorder()
	load := readCPULoad()
	began := time.Now()
	if err := sendAll(ctx, l, t, requests, s.Check, recorded); err != nil {
		return Result{}, err
	}
	took := time.Since(began)
	after := readCPULoad()
	machine.Busy, machine.Own = load.since(after)
	if machine.SyncsAfter, err = SyncRate(l.Folder); err != nil {
		return Result{}, err
	}
	r := recorded.result(took)
	r.Scenario, r.Rate, r.Machine = s.Name(), l.Rate, machine
	r.CPUPerRequest = (after.own - load.own) / time.Duration(len(requests))
	return r, nil
}

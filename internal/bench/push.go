package bench

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
)

// Push measures pushes into libraries, chosen at random.
func Push(ctx context.Context, c Config, progress func(string)) (Result, error) {
	return measure(ctx, c, needs{}, progress, newPushScenario)
}

type pushScenario struct {
	config Config
	carrel carrel
}

func newPushScenario(c Config, of carrel) Scenario { return pushScenario{c, of} }

// Name implements [Scenario].
func (pushScenario) Name() string { return "push" }

// Requests implements [Scenario]. The content is the same in all of them.
func (s pushScenario) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	writers, err := s.carrel.writers()
	if err != nil {
		return nil, err
	}
	descriptors := map[*signer]string{}
	for _, w := range writers {
		if descriptors[w.signer] != "" {
			continue
		}
		if descriptors[w.signer], err = signDescriptor(w.signer); err != nil {
			return nil, err
		}
	}
	content := make([]byte, s.config.Size)
	_, _ = rand.Read(content) // never fails, by its documentation
	spread := newScatter(len(writers))
	target, tail := s.carrel.target(), []byte("\r\n0\r\n\r\n")
	if len(content) == 0 {
		tail = []byte("0\r\n\r\n")
	}
	return presign(ctx, n, progress, func(i int) (Request, error) {
		writer := writers[spread.at(i)]
		head, err := writer.head(target, "POST", "permission-access/import",
			wire.RequestClaims{AccessToken: writer.accessToken},
			"FileDescriptor: "+descriptors[writer.signer]+
				"\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n")
		if len(content) > 0 {
			head = fmt.Appendf(head, "%x\r\n", len(content))
		}
		return Request{Head: head, Body: content, Tail: tail, Content: int64(len(content))}, err
	})
}

// Check implements [Scenario]. The status says all.
func (pushScenario) Check(*Request, Answer) error { return nil }

// signDescriptor returns the FileDescriptor of each push.
func signDescriptor(s *signer) (string, error) {
	return wire.Sign(s.key, wire.Header{}, map[string]any{"metadata": descriptor})
}

// descriptor describes the files that are pushed, and those that are there at the beginning.
var descriptor = wire.Descriptor{
	MIMEType:  "application/octet-stream",
	Accounts:  []wire.DescriptorAccount{{AccountID: "bench"}},
	Reference: []string{"bench"},
}

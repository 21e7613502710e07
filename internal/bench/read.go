package bench

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
)

// Read measures the reading of files, chosen at random, each by a session. The client does not decrypt them.
func Read(ctx context.Context, c Config, progress func(string)) (Result, error) {
	return measure(ctx, c, needs{reads: true, files: c.filesToRead()}, progress, newReadScenario)
}

// filesToRead returns how many files there are to be read unless somebody says so: as many as fit into 256 MiB.
func (c Config) filesToRead() int {
	const room, most = 256 << 20, 10_000
	return max(1, min(most, room/max(1, c.Size)))
}

type readScenario struct{ carrel carrel }

func newReadScenario(_ Config, of carrel) Scenario { return readScenario{of} }

// Name implements [Scenario].
func (readScenario) Name() string { return "read" }

// Requests implements [Scenario].
func (s readScenario) Requests(ctx context.Context, n int, progress func(string)) ([]Request, error) {
	progress("choosing files")
	files, err := s.carrel.readFiles(ctx, n)
	if err != nil {
		return nil, err
	}
	return presign(ctx, n, progress, func(i int) (Request, error) {
		f := files[i]
		head, err := f.head(s.carrel.target(), "GET",
			"permission-access/query/"+f.session+"/"+string(f.name),
			wire.RequestClaims{AccessToken: f.accessToken},
			"Accept: application/octet-stream\r\nAccept-Encoding: identity\r\n")
		return Request{Head: head, Content: f.size}, err
	})
}

// Check implements [Scenario].
func (readScenario) Check(r *Request, a Answer) error {
	if r.Content == AnswerSize && a.Size > 0 {
		return nil
	}
	if want := wire.EnvelopeSize(r.Content); a.Size != want {
		return fmt.Errorf("a file of %d bytes came in an envelope of %d bytes, not %d", r.Content, a.Size, want)
	}
	return nil
}

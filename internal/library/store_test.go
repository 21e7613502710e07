package library_test

import (
	"context"
	"sync"
	"time"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// countingStore counts the calls that have changed it.
type countingStore struct {
	*store.DB

	mu    sync.Mutex
	calls map[string]int
}

// count returns how often the methods have succeeded.
func (s *countingStore) count(methods ...string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range methods {
		n += s.calls[m]
	}
	return n
}

func (s *countingStore) counted(method string, err error) error {
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls[method]++
	}
	return err
}

func (s *countingStore) UseNonce(ctx context.Context, n library.Nonce) error {
	return s.counted("UseNonce", s.DB.UseNonce(ctx, n))
}

func (s *countingStore) AddLibrary(
	ctx context.Context, l library.Library, locks []library.Lock, login library.Login, e library.Event,
) error {
	return s.counted("AddLibrary", s.DB.AddLibrary(ctx, l, locks, login, e))
}

func (s *countingStore) AddAuthRequest(ctx context.Context, r library.AuthRequest, session library.Session) error {
	return s.counted("AddAuthRequest", s.DB.AddAuthRequest(ctx, r, session))
}

func (s *countingStore) Allow(ctx context.Context, a library.Approval) (library.Grant, library.Account, error) {
	g, account, err := s.DB.Allow(ctx, a)
	return g, account, s.counted("Allow", err)
}

func (s *countingStore) RedeemCode(ctx context.Context, h seal.Hash, at time.Time, tokens []library.Token) error {
	return s.counted("RedeemCode", s.DB.RedeemCode(ctx, h, at, tokens))
}

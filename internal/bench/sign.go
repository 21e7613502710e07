package bench

import (
	"context"
	"crypto/rsa"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// signAhead is how far ahead of the clock the timestamps of requests are. A server takes those that differ from its
// clock by at most five minutes, so that a request can be sent until nine minutes after it was signed.
const signAhead = 4 * time.Minute

// A signer signs the requests of a contract.
type signer struct {
	key    *rsa.PrivateKey
	client wire.ClientID
}

// bearer returns the token of a request with claims of its own.
func (s *signer) bearer(claims wire.RequestClaims) (string, error) {
	claims.ClientID, claims.Nonce = s.client.String(), wire.NewNonce()
	claims.Timestamp = wire.MillisOf(time.Now().Add(signAhead))
	return wire.Sign(s.key, wire.Header{}, claims)
}

// head returns the head of a signed request, with further headers, each with its end of line.
func (s *signer) head(t Target, method, path string, claims wire.RequestClaims, headers string) ([]byte, error) {
	bearer, err := s.bearer(claims)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s %s/v1.7/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n",
		method, t.Base, path, t.Host, bearer, headers), nil
}

// presign makes n requests. A signature takes the client about a millisecond, so they are made beforehand, on all
// processors.
func presign(
	ctx context.Context, n int, progress func(string), request func(i int) (Request, error),
) ([]Request, error) {
	progress(fmt.Sprintf("signing %d requests", n))
	late := fmt.Errorf("%d requests are not signed within %v, for which the first of them are valid: send fewer", n,
		maxRun)
	ctx, cancel := context.WithTimeoutCause(ctx, maxRun, late)
	defer cancel()
	requests := make([]Request, n)
	err := parallel(ctx, runtime.NumCPU(), n, func(_ context.Context, i int) (err error) {
		requests[i], err = request(i)
		return err
	})
	if err != nil {
		return nil, err
	}
	return requests, nil
}

// parallel calls f with 0 to n-1 from several goroutines. It stops at the first error and returns it.
func parallel(ctx context.Context, goroutines, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	next := make(chan int)
	for range min(goroutines, n) {
		wait.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	wait.Wait()
	return context.Cause(ctx)
}

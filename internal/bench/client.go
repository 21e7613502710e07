package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// pushAll sends every request once, from a number of connections that each wait for the
// response, and records how long each took. It does not use net/http: the client runs
// on the same processors as the server, and would use a quarter of them.
func pushAll(ctx context.Context, clients int, address string, requests [][]byte, took []time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		next atomic.Int64
		wait sync.WaitGroup
	)
	for range clients {
		wait.Go(func() {
			if err := pushFromOneConnection(ctx, address, requests, took, &next); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

func pushFromOneConnection(ctx context.Context, address string, requests [][]byte, took []time.Duration,
	next *atomic.Int64,
) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	for ctx.Err() == nil {
		i := int(next.Add(1)) - 1
		if i >= len(requests) {
			return nil
		}
		began := time.Now()
		if _, err := c.Write(requests[i]); err != nil {
			return fmt.Errorf("push: %w", err)
		}
		if err := readResponse(in); err != nil {
			return err
		}
		took[i] = time.Since(began)
	}
	return nil
}

// readResponse reads a response and returns an error unless it is a success.
func readResponse(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	good := bytes.HasPrefix(status, []byte("HTTP/1.1 20"))
	statusLine := string(status)
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
		}
	}
	if good {
		_, err := in.Discard(length)
		return err
	}
	body, err := io.ReadAll(io.LimitReader(in, int64(length)))
	return fmt.Errorf("push refused: %s%s (%w)", statusLine, body, err)
}

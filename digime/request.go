package digime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A call is one call of the API. It can be sent several times: each attempt is
// signed anew, with a nonce and a time of its own.
type call struct {
	method string
	path   route
	url    string // instead of the path: where to, in full
	// unsigned is for the one call that needs no contract.
	unsigned bool
	claims   wire.RequestClaims // client, nonce and time are set at each attempt
	header   map[string]string
	body     []byte    // sent as JSON
	stream   *pushBody // sent in chunks, once
	// errorLimit is how much of an error's body is read, if more than maxErrorBody.
	errorLimit int64
	// secrets are texts besides the claims' that no error may repeat.
	secrets []string
}

// route is the path of a call below the base URL, and its pattern, which names
// the call without naming anyone or anything.
type route struct{ pattern, path string }

func literal(path string) route { return route{path, path} }

// routeOf fills the {names} of a pattern, in order.
func routeOf(pattern string, values ...string) route {
	path := pattern
	for _, v := range values {
		start, end := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		path = path[:start] + url.PathEscape(v) + path[end+1:]
	}
	return route{pattern, path}
}

// Bounds of what is read into memory, in bytes. A list of 100,000 files has about
// 10 MB.
const (
	maxJSON = 4 << 20
	maxList = 64 << 20
)

// networkError is an error on the way, after which nothing is known of the call.
type networkError struct{ err error }

func (e *networkError) Error() string { return e.err.Error() }
func (e *networkError) Unwrap() error { return e.err }

// callJSON sends the call and reads its answer into v. An empty answer leaves v
// alone: the protocol allows it.
func (c *Client) callJSON(ctx context.Context, contract *Contract, cl call, v any) error {
	return c.send(ctx, contract, cl, jsonAnswer{v, maxJSON}.read)
}

// jsonAnswer is where an answer of at most limit bytes goes.
type jsonAnswer struct {
	v     any
	limit int64
}

func (j jsonAnswer) read(resp *http.Response) error {
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, j.limit+1))
	if err != nil {
		return &networkError{fmt.Errorf("read answer: %w", err)}
	}
	if int64(len(text)) > j.limit {
		return fmt.Errorf("answer is larger than %d bytes", j.limit)
	}
	if len(bytes.TrimSpace(text)) == 0 || j.v == nil {
		return nil
	}
	if err := json.Unmarshal(text, j.v); err != nil {
		return fmt.Errorf("answer is not as the protocol says: %w", err)
	}
	return nil
}

// send makes the call, again where that is safe and may help, and hands a
// successful answer to handle, which closes its body or keeps it.
func (c *Client) send(ctx context.Context, contract *Contract, cl call, handle func(*http.Response) error) error {
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, contract, cl, attempt, handle)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("%s %s: %w", cl.method, cl.path.pattern, err)
		if ctx.Err() != nil || attempt > c.retries || !cl.repeatable() {
			return err
		}
		wait, ok := delay(err, attempt)
		if !ok {
			return err
		}
		if stopped := c.sleep(ctx, wait); stopped != nil {
			return errors.Join(stopped, err)
		}
	}
}

func (c *Client) attempt(ctx context.Context, contract *Contract, cl call, number int, handle func(*http.Response) error) error {
	req, err := c.request(ctx, contract, cl)
	if err != nil {
		return err
	}
	if cl.stream != nil {
		defer cl.stream.takeBack(ctx)
	}
	seen := Attempt{Method: cl.method, Path: cl.path.pattern, Number: number}
	start := c.now()
	resp, err := c.http.Do(req)
	if err != nil {
		// The address holds a session's key; the pattern says where it happened.
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		err = &networkError{err}
	} else {
		seen.Status = resp.StatusCode
		if resp.StatusCode/100 == 2 {
			err = handle(resp)
		} else {
			err = c.refusal(resp, cl)
		}
	}
	seen.Duration, seen.Err = c.now().Sub(start), err
	c.observe(ctx, seen)
	return err
}

func (c *Client) refusal(resp *http.Response, cl call) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, max(maxErrorBody, cl.errorLimit))) // the status says enough
	secrets := append([]string{
		cl.claims.AccessToken, cl.claims.RefreshToken, cl.claims.Code, cl.claims.CodeVerifier,
	}, cl.secrets...)
	return delivering(DeliveryID(resp.Header.Get(wire.HeaderDelivery)), errorOf(resp, body, c.now(), secrets))
}

// request builds and signs one attempt.
func (c *Client) request(ctx context.Context, contract *Contract, cl call) (*http.Request, error) {
	if contract == nil && !cl.unsigned {
		return nil, errors.New("no contract")
	}
	var body io.Reader
	switch {
	case cl.stream != nil:
		body = cl.stream
	case cl.body != nil:
		body = bytes.NewReader(cl.body)
	}
	address := cl.url
	if address == "" {
		address = c.base.String() + cl.path.path
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, address, body)
	if err != nil {
		return nil, errors.New("the server's URL and the call's path do not fit together")
	}
	switch {
	case cl.stream != nil:
		req.ContentLength = -1 // in chunks, an empty one too
	case cl.method != http.MethodPost:
		req.Body, req.GetBody = once{}, noReplay
	}
	if cl.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "carrel-digime-go/"+Version)
	for name, value := range cl.header {
		req.Header.Set(name, value)
	}
	if cl.unsigned {
		return req, nil
	}
	claims := cl.claims
	claims.ClientID = wire.ClientID{Application: c.application, Contract: contract.id}.String()
	claims.Nonce = wire.NewNonce()
	claims.Timestamp = wire.MillisOf(c.now())
	bearer, err := wire.Sign(contract.key, wire.Header{}, claims)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	return req, nil
}

// errReplay says that the HTTP transport wanted to send a request again, over
// another connection, after it had sent it over one that closed.
var errReplay = errors.New("the connection closed before an answer came")

// once is the body of a request that has none, and keeps the HTTP transport from
// sending it again by itself: the server would refuse its nonce. The transport asks
// for the body anew before it does so, and not where it has sent nothing yet.
type once struct{}

func (once) Read([]byte) (int, error) { return 0, io.EOF }
func (once) Close() error             { return nil }

func noReplay() (io.ReadCloser, error) { return nil, errReplay }

// jsonBody encodes a request's body, of types that always encode.
func jsonBody(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return body
}

func goAgent() wire.SDK {
	return wire.SDK{Name: "carrel-go", Version: Version, Meta: map[string]string{"go": runtime.Version()}}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

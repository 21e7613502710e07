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

// A call is one call of the API. Each attempt to send it is signed anew, with its own nonce and time.
type call struct {
	method string
	path   route
	url    string // the whole address, in place of the path
	// unsigned is set for the one call that needs no contract.
	unsigned bool
	// cloud is set for the calls of the file storage, which have a base URL and tokens of their own.
	cloud  bool
	claims wire.RequestClaims // client, nonce and time are set at each attempt
	header map[string]string
	body   []byte    // sent as JSON
	stream *pushBody // sent in chunks, once
	// errorLimit is the largest part of an error's body that is read, if it exceeds maxErrorBody.
	errorLimit int64
	// secrets are further texts, beside those of the claims, that no error may contain.
	secrets []string
}

// A route is the path of a call below the base URL, and the pattern of the path, which contains no ids.
type route struct{ pattern, path string }

func literal(path string) route { return route{path, path} }

// routeOf replaces the {names} of a pattern with the values, in order.
func routeOf(pattern string, values ...string) route {
	path := pattern
	for _, v := range values {
		start, end := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		path = path[:start] + url.PathEscape(v) + path[end+1:]
	}
	return route{pattern, path}
}

// A networkError is an error of the connection, after which it is not known what the server has done.
type networkError struct{ err error }

func (e *networkError) Error() string { return e.err.Error() }
func (e *networkError) Unwrap() error { return e.err }

// send makes the call, repeats it where that is safe and may help, and passes the successful response to handle, which
// closes its body or keeps it.
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

// attempt sends the call once.
func (c *Client) attempt(
	ctx context.Context, contract *Contract, cl call, number int, handle func(*http.Response) error,
) error {
	req, err := c.request(ctx, contract, cl)
	if err != nil {
		return err
	}
	if cl.stream != nil {
		defer cl.stream.takeBack(ctx)
	}
	event := RequestEvent{Method: cl.method, Path: cl.path.pattern, Attempt: number}
	start := c.now()
	resp, err := c.http.Do(req)
	if err != nil {
		// The address contains the key of a session.
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		err = &networkError{err}
	} else {
		event.Status = resp.StatusCode
		if resp.StatusCode/100 == 2 {
			err = handle(resp)
		} else {
			err = c.readError(resp, cl)
		}
	}
	event.Duration, event.Err = c.now().Sub(start), err
	c.observe(ctx, event)
	return err
}

// readError returns the error that the response consists of.
func (c *Client) readError(resp *http.Response, cl call) error {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, max(maxErrorBody, cl.errorLimit))) // the status is enough
	secrets := append([]string{
		cl.claims.AccessToken, cl.claims.RefreshToken, cl.claims.Code, cl.claims.CodeVerifier,
	}, cl.secrets...)
	return withDelivery(DeliveryID(resp.Header.Get(wire.HeaderDelivery)), errorOf(resp, body, c.now(), secrets))
}

// request builds and signs one attempt.
func (c *Client) request(ctx context.Context, contract *Contract, cl call) (*http.Request, error) {
	var body io.Reader
	switch {
	case cl.stream != nil:
		body = cl.stream
	case cl.body != nil:
		body = bytes.NewReader(cl.body)
	}
	address, err := c.address(cl)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, cl.method, address, body)
	if err != nil {
		return nil, invalid("the URL of the server and the path of the call do not form a URL")
	}
	switch {
	case cl.stream != nil:
		req.ContentLength = -1 // sent in chunks, even if it is empty
	case cl.method != http.MethodPost:
		req.Body, req.GetBody = emptyBody{}, refuseReplay
	}
	if cl.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	for name, value := range cl.header {
		req.Header.Set(name, value)
	}
	if cl.unsigned {
		return req, nil
	}
	bearer, err := c.sign(contract, cl)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	return req, nil
}

// address returns the URL of a call.
func (c *Client) address(cl call) (string, error) {
	switch {
	case cl.url != "":
		return cl.url, nil
	case !cl.cloud:
		return c.base.String() + cl.path.path, nil
	case c.cloud == nil:
		return "", invalid("the URL of the file storage is not known: use WithServer or WithCloudURL")
	}
	return c.cloud.String() + cl.path.path, nil
}

// sign returns the token of one attempt.
func (c *Client) sign(contract *Contract, cl call) (string, error) {
	id := wire.ClientID{Application: wire.ApplicationID(c.application), Contract: wire.ContractID(contract.id)}
	now := c.now()
	if cl.cloud {
		return wire.Sign(contract.key, wire.Header{Type: wire.TypeCloud, KeyID: wire.CloudKeyID(id)}, wire.CloudClaims{
			Subject: id.Application, Issuer: id.Contract, Audience: wire.CloudAudience,
			IssuedAt: wire.SecondsOf(now), ExpiresAt: wire.SecondsOf(now.Add(cloudTokenLife)),
		})
	}
	claims := cl.claims
	claims.ClientID, claims.Nonce, claims.Timestamp = id.String(), wire.NewNonce(), wire.MillisOf(now)
	return wire.Sign(contract.key, wire.Header{}, claims)
}

// cloudTokenLife is the life of a token of the file storage, which is that of the public Node SDK.
const cloudTokenLife = time.Minute

// errReplay: the HTTP transport was about to send a request again over another connection, after the connection on
// which it had sent it was closed.
var errReplay = errors.New("the connection was closed before the response came")

// emptyBody is the body of a request that has none. It keeps the HTTP transport from sending the request again by
// itself, with a nonce that the server has seen: the transport calls GetBody first, unless it has sent nothing yet.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

func refuseReplay() (io.ReadCloser, error) { return nil, errReplay }

// jsonBody encodes the body of a request. Its types always encode.
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

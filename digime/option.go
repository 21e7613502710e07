package digime

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Option configures a [Client].
type Option func(*Client) error

// WithServer sets the public URL of a Carrel, such as https://library.example.org. The URLs of the API, of the pages
// and of the file storage are v1.7/, apps/saas/ and cloud/v1/ below it. A URL that ends in /v1.7 is refused: it is not
// the public URL.
func WithServer(publicURL string) Option {
	return func(c *Client) error {
		root := strings.TrimRight(publicURL, "/")
		if strings.HasSuffix(root, "/v1.7") {
			return invalid("the server URL ends in /v1.7: give the public URL, without the version of the API")
		}
		if err := WithBaseURL(root + "/v1.7/")(c); err != nil {
			return err
		}
		if err := WithOnboardURL(root + "/apps/saas/")(c); err != nil {
			return err
		}
		return WithCloudURL(root + "/cloud/v1/")(c)
	}
}

// WithBaseURL sets the URL of the API, including its version. The default is https://api.digi.me/v1.7/. A missing
// slash at the end is added. Use it together with [WithOnboardURL] or [WithServer], so that calls and pages belong to
// the same server.
func WithBaseURL(u string) Option { return setURL(u, func(c *Client) **url.URL { return &c.base }) }

// WithOnboardURL sets the URL of the pages that a person is sent to. The default is https://api.digi.me/apps/saas/.
// A missing slash at the end is added. Use it together with [WithBaseURL] or [WithServer].
func WithOnboardURL(u string) Option {
	return setURL(u, func(c *Client) **url.URL { return &c.onboard })
}

// WithCloudURL sets the URL of the file storage, including its version. The default is https://cloud.digi.me/v1/, or
// that of [WithServer]. A missing slash at the end is added. With [WithBaseURL] and without WithCloudURL the calls of a
// [Storage] return [ErrValidation].
func WithCloudURL(u string) Option { return setURL(u, func(c *Client) **url.URL { return &c.cloud }) }

func setURL(text string, field func(*Client) **url.URL) Option {
	return func(c *Client) error {
		u, err := url.Parse(text)
		if err != nil {
			return invalid("server URL: %w", err)
		}
		plain := u.RawQuery == "" && u.Fragment == "" && u.User == nil
		if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || !plain {
			return invalid("server URL %q is not like https://library.example.org/v1.7/", u.Redacted())
		}
		if !strings.HasSuffix(u.Path, "/") {
			u.Path += "/"
		}
		*field(c) = u
		return nil
	}
}

// WithHTTPClient sets the HTTP client that sends the requests. Its timeout, if it has one, applies to whole uploads
// and downloads. Redirects are never followed, whatever h says, because a signed request is meant for one server. The
// default has no timeout; the context of a call bounds it.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) error {
		if h == nil {
			return invalid("the HTTP client is nil")
		}
		own := *h
		own.CheckRedirect = noRedirect
		c.http = &own
		return nil
	}
}

// WithRetries sets how often a call that is safe to repeat is repeated after an error that may be temporary. The
// default is 2, and 0 means never. The calls that are safe to repeat are GET, HEAD, DELETE and those that query the
// catalogue.
func WithRetries(n int) Option {
	return func(c *Client) error {
		if n < 0 {
			return invalid("the number of retries, %d, is negative", n)
		}
		c.retries = n
		return nil
	}
}

// WithUserAgent sets the name and the version with which the client introduces itself, in the header User-Agent and
// in the calls that open a session. Some operators allow only the clients that they know.
func WithUserAgent(name, version string) Option {
	return func(c *Client) error {
		if !isHeaderWord(name) || !isHeaderWord(version) {
			return invalid("the user agent %q, version %q, is not two words", name, version)
		}
		c.agent.Name, c.agent.Version = name, version
		c.userAgent = name + "/" + version
		return nil
	}
}

// isHeaderWord reports whether s is printable ASCII without spaces.
func isHeaderWord(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// WithClock replaces [time.Now], for tests that move a clock.
func WithClock(now func() time.Time) Option {
	return func(c *Client) error {
		if now == nil {
			return invalid("the clock is nil")
		}
		c.now = now
		return nil
	}
}

// WithObserver sets a function that is called after each HTTP request, for logs, metrics and traces. It receives the
// context of the call and runs on the goroutine of the call, so that several may run at once. Nothing in a
// [RequestEvent] is secret.
func WithObserver(observe func(context.Context, RequestEvent)) Option {
	return func(c *Client) error {
		if observe == nil {
			return invalid("the observer is nil")
		}
		c.observe = observe
		return nil
	}
}

// RequestEvent describes one HTTP request to an observer: see [WithObserver].
type RequestEvent struct {
	// Method is the HTTP method.
	Method string
	// Path is the pattern of the path below the base URL, such as permission-access/query/{session}. It contains
	// no ids and can be the label of a metric.
	Path string
	// Attempt counts the requests of one call, from 1.
	Attempt int
	// Status is the HTTP status of the response; 0 if there was none.
	Status int
	// Duration is the time until the response was read or, for the content of a file, until it began.
	Duration time.Duration
	// Err is the error of the attempt; nil if it succeeded.
	Err error
}

package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Version is the version of this SDK, which it tells the server.
const Version = "0.1.0"

// Where digi.me itself is.
const (
	digimeBase    = "https://api.digi.me/v1.7/"
	digimeOnboard = "https://api.digi.me/apps/saas/"
	digimeCloud   = "https://cloud.digi.me/v1/"
)

// A Client speaks for one application to digi.me or to a Carrel. Make one with
// [New] and share it.
type Client struct {
	application          ApplicationID
	base, onboard, cloud *url.URL

	http    *http.Client
	observe func(context.Context, Attempt)
	retries int
	agent   wire.SDK

	// Tests replace these.
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	poll  time.Duration
}

// An Option sets up a [Client].
type Option func(*Client) error

// New makes a client for an application that is registered with the server. It
// speaks to digi.me unless [At] names another server, and makes no request
// itself.
func New(applicationID string, options ...Option) (*Client, error) {
	if !wire.ValidID(applicationID) {
		return nil, fmt.Errorf("application id %q is not 1 to 64 letters and digits", applicationID)
	}
	c := &Client{
		application: ApplicationID(applicationID),
		http:        newHTTPClient(),
		observe:     func(context.Context, Attempt) {},
		retries:     2,
		agent:       goAgent(),
		now:         time.Now,
		sleep:       sleep,
		poll:        3 * time.Second,
	}
	for _, option := range append([]Option{BaseURL(digimeBase), OnboardURL(digimeOnboard), CloudURL(digimeCloud)}, options...) {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// At names the public URL of a Carrel, such as https://library.example.org. The
// three URLs of the protocol follow from it: v1.7/, apps/saas/ and cloud/v1/ below
// it.
func At(publicURL string) Option {
	return func(c *Client) error {
		root := strings.TrimSuffix(publicURL, "/")
		for _, option := range []Option{BaseURL(root + "/v1.7/"), OnboardURL(root + "/apps/saas/"), CloudURL(root + "/cloud/v1/")} {
			if err := option(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// BaseURL sets where the API is, version included: https://api.digi.me/v1.7/
// unless set. A missing slash at the end is added.
func BaseURL(u string) Option { return setURL(u, func(c *Client) **url.URL { return &c.base }) }

// OnboardURL sets where the pages are that a person is sent to:
// https://api.digi.me/apps/saas/ unless set. A missing slash at the end is added.
func OnboardURL(u string) Option { return setURL(u, func(c *Client) **url.URL { return &c.onboard }) }

// CloudURL sets where the storage is: https://cloud.digi.me/v1/ unless set. A
// missing slash at the end is added.
func CloudURL(u string) Option { return setURL(u, func(c *Client) **url.URL { return &c.cloud }) }

func setURL(text string, field func(*Client) **url.URL) Option {
	return func(c *Client) error {
		u, err := url.Parse(text)
		if err != nil {
			return fmt.Errorf("server URL: %w", err)
		}
		if u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return fmt.Errorf("server URL %q is not like https://library.example.org/v1.7/", u.Redacted())
		}
		if !strings.HasSuffix(u.Path, "/") {
			u.Path += "/"
		}
		*field(c) = u
		return nil
	}
}

// HTTPClient makes the requests through h, whose time-out, if it has one, covers
// whole uploads and downloads. Redirects are never followed, whatever h says: a
// signed request is for one server. Without this option there is no time-out but
// that of a call's context.
func HTTPClient(h *http.Client) Option {
	return func(c *Client) error {
		if h == nil {
			return errors.New("HTTP client: it is nil")
		}
		own := *h
		own.CheckRedirect = noRedirect
		c.http = &own
		return nil
	}
}

// Retries sets how often a call that is safe to repeat is tried again; 2 unless
// set, 0 for never. Only GET, HEAD, DELETE and looking things up are safe.
func Retries(n int) Option {
	return func(c *Client) error {
		if n < 0 {
			return fmt.Errorf("retries: %d is negative", n)
		}
		c.retries = n
		return nil
	}
}

// Agent sets the name and version that the client gives itself towards the server,
// for a server whose operator lets in only those that they know.
func Agent(name, version string) Option {
	return func(c *Client) error {
		c.agent.Name, c.agent.Version = name, version
		return nil
	}
}

// WithClock makes the client take the time from now in place of [time.Now]: for tests that move a clock.
func WithClock(now func() time.Time) Option {
	return func(c *Client) error {
		if now == nil {
			return errors.New("clock: it is nil")
		}
		c.now = now
		return nil
	}
}

// ApplicationID is the application that the client speaks for.
func (c *Client) ApplicationID() ApplicationID { return c.application }

// String is the application and the server.
func (c *Client) String() string {
	return fmt.Sprintf("application %s at %s", c.application, c.base)
}

// Format prints String, whatever the verb.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.String()) }

func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16 // the files of a session come from one host
	return &http.Client{Transport: transport, CheckRedirect: noRedirect}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

package digime

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Version is the version of this SDK. The client sends it to the server.
const Version = "0.1.0"

// The addresses of digi.me itself.
const (
	digimeBase    = "https://api.digi.me/v1.7/"
	digimeOnboard = "https://api.digi.me/apps/saas/"
	digimeCloud   = "https://cloud.digi.me/v1/"
)

// A Client acts for one application at digi.me or at a Carrel. Create one with [New] and share it. Its
// [Client.ParseContract] returns the contracts that the calls belong to.
type Client struct {
	application   ApplicationID
	base, onboard *url.URL
	cloud         *url.URL // of the file storage; nil if the options set other URLs and not this one

	http      *http.Client
	observe   func(context.Context, RequestEvent)
	retries   int
	agent     wire.SDK
	userAgent string // of the HTTP header

	// Tests replace these.
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
	poll  time.Duration
}

// New returns a client for an application that is registered with the server. The server is digi.me unless
// [WithServer] names another. [WithBaseURL] and [WithOnboardURL] need each other, or WithServer. New sends nothing.
func New(applicationID string, options ...Option) (*Client, error) {
	if !wire.ValidID(applicationID) {
		return nil, invalid("application id %q is not 1 to 64 letters and digits", applicationID)
	}
	c := &Client{
		application: ApplicationID(applicationID),
		http:        newHTTPClient(),
		observe:     func(context.Context, RequestEvent) {},
		retries:     2,
		agent:       goAgent(),
		userAgent:   "carrel-digime-go/" + Version,
		now:         time.Now,
		sleep:       sleep,
		poll:        3 * time.Second,
	}
	for _, option := range options {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	if err := c.setDefaultURLs(); err != nil {
		return nil, err
	}
	return c, nil
}

// setDefaultURLs sets the URLs of digi.me if the options set none. If the options set only one of the two URLs, it
// returns an error: calls and pages would belong to different servers.
func (c *Client) setDefaultURLs() error {
	switch {
	case c.base == nil && c.onboard == nil:
		cloud := digimeCloud
		if c.cloud != nil {
			cloud = c.cloud.String()
		}
		return errors.Join(WithBaseURL(digimeBase)(c), WithOnboardURL(digimeOnboard)(c), WithCloudURL(cloud)(c))
	case c.onboard == nil:
		return invalid("WithBaseURL without WithOnboardURL: people would be sent to digi.me")
	case c.base == nil:
		return invalid("WithOnboardURL without WithBaseURL: the calls would go to digi.me")
	}
	return nil
}

// ApplicationID returns the id of the application that the client acts for.
func (c *Client) ApplicationID() ApplicationID { return c.application }

// String returns the application and the server.
func (c *Client) String() string {
	return fmt.Sprintf("application %s at %s", c.application, c.base)
}

// Format prints String for every verb.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.String()) }

func newHTTPClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16 // the files of a session come from one host
	return &http.Client{Transport: transport, CheckRedirect: noRedirect}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

const (
	// fhirJSON is the media type of FHIR's JSON since STU3.
	fhirJSON = "application/fhir+json"
	// UserAgent is the value of the User-Agent header of every request.
	UserAgent = "carrel"
	// maxResponse is the longest response, in addition to the representation of the
	// resource that it may contain.
	maxResponse = 2 << 20
)

// maxResponseFor returns the longest response to a resource of that length. The request
// asks for the representation, which may be longer than the resource.
func maxResponseFor(length int) int64 { return maxResponse + 2*int64(length) }

// ResourceRequest is a request to create a resource, or to process a Bundle, at a FHIR
// server.
type ResourceRequest struct {
	// BaseURL is the address of the FHIR server.
	BaseURL  string
	Resource delivery.Resource
	Token    seal.Secret
	// Header has additional headers, which are sent with the names spelled as they are.
	Header http.Header
}

// URL returns the address that the request is sent to: [base] for a Bundle, else
// [base]/[type]. It never has a query, and so nothing that identifies a person (MedMij
// "Resource interface").
func (r ResourceRequest) URL() string {
	base := strings.TrimSuffix(r.BaseURL, "/")
	if r.Resource.Path == "" {
		return base
	}
	return base + "/" + r.Resource.Path
}

// header returns the headers that are sent.
func (r ResourceRequest) header() http.Header {
	h := http.Header{}
	maps.Copy(h, r.Header)
	h.Set("Accept", fhirJSON)
	h.Set("Content-Type", fhirJSON)
	h.Set("Prefer", "return=representation")
	h.Set("User-Agent", UserAgent)
	h.Set("Authorization", "Bearer "+r.Token.Reveal())
	return h
}

// ResourceResult is the outcome of a request, with details for a network's own log.
type ResourceResult struct {
	delivery.Outcome
	// BearerError is the error code of RFC 6750 in the response, if any.
	BearerError string
	// Timeout reports whether the response did not arrive in time.
	Timeout bool
}

// reasonNotFHIR is why a body that is no FHIR resource is not sent.
const reasonNotFHIR = "not sent: it is neither a resource nor a Bundle"

// SendResource posts a resource, at most once.
func (c *Client) SendResource(ctx context.Context, r ResourceRequest) ResourceResult {
	sent, err := describeResource(r.Resource)
	if err != nil || !validPath(r.Resource.Path) {
		return ResourceResult{Outcome: delivery.Outcome{Kind: delivery.OutcomeRefused, Reason: reasonNotFHIR}}
	}
	response, err := c.Do(ctx, Request{
		Method: http.MethodPost, URL: r.URL(), Header: r.header(), Body: r.Resource.Body,
		MaxResponse: maxResponseFor(len(r.Resource.Body)),
	})
	if err != nil {
		return failedResult(err)
	}
	return ResourceResult{
		Outcome:     outcomeOf(sent, response, c.now()),
		BearerError: bearerError(response.Header.Get("WWW-Authenticate")),
	}
}

// failedResult returns the result of a request without a response: not filed if nothing
// was sent, else unknown.
func failedResult(err error) ResourceResult {
	result := ResourceResult{Outcome: delivery.Outcome{
		Kind: delivery.OutcomeUnknown, Reason: "the server did not answer",
	}}
	var failure *TransportError
	if errors.As(err, &failure) {
		result.Reason, result.Timeout = failure.Reason, failure.Timeout
		if !failure.Sent {
			result.Kind = delivery.OutcomeNotFiled
		}
	}
	return result
}

// validPath reports whether a path is empty or can be the name of a resource type: letters
// only.
func validPath(path string) bool {
	for _, c := range []byte(path) {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return len(path) <= 64
}

// bearerError returns the error code of a Bearer challenge (RFC 6750, section 3.1), if it
// is one that the RFC defines.
func bearerError(challenge string) string {
	scheme, rest, _ := strings.Cut(challenge, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	for _, code := range []string{"invalid_request", "invalid_token", "insufficient_scope"} {
		if strings.Contains(rest, fmt.Sprintf("error=%q", code)) {
			return code
		}
	}
	return ""
}

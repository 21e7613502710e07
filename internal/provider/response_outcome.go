package provider

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
)

// A statusRule says what a range of status codes means for a resource that was posted.
// statusRules is the table of docs/providers.md (MedMij "Resource interface", RFC 6750,
// FHIR "create" and "batch/transaction"). The first rule that contains the status
// decides.
//
// Each rule answers two questions. The first is whether the status says that the resource
// was filed or was not filed. If it says neither, the outcome is unknown, and the resource
// is not sent again. The second, for a resource that was not filed, is whether the same
// request could succeed later. The resource is sent again only if the status says so.
type statusRule struct {
	from, to int
	kind     delivery.OutcomeKind
	reason   string
	// byBody, if set, decides by the response's body.
	byBody func(sentResource, Response) (delivery.OutcomeKind, string)
}

var statusRules = []statusRule{
	{100, 199, delivery.OutcomeUnknown, "which does not say whether it was filed", nil},
	{200, 201, 0, "", successOutcome},
	// Accepted for processing, which may still fail without notice.
	{202, 202, delivery.OutcomeUnknown, "taken, but not filed yet", nil},
	// The response to a create has status 201, the response to a Bundle has status 200 and
	// a body. No FHIR server should respond to either with 204 or 206.
	{203, 299, delivery.OutcomeUnknown, "which is no answer to a create", nil},
	// Web applications often respond with 303 to a POST of a form that succeeded.
	{303, 303, delivery.OutcomeUnknown, "a redirect to what came of it, which is never followed", nil},
	// The address in the lists or the configuration is wrong. Following a redirect would
	// send the token and the resource to a server that nobody has approved.
	{300, 399, delivery.OutcomeRefused, "a redirect, which is never followed: the address is wrong", nil},
	{401, 401, delivery.OutcomeUnauthorized, "the access token is not taken", nil},
	{403, 403, delivery.OutcomeForbidden, "the access token does not allow it", nil},
	{404, 405, delivery.OutcomeRefused, "no such resource type or method there", nil},
	{406, 406, delivery.OutcomeRefused, "FHIR JSON is not spoken there", nil},
	// The server timed out waiting for the request. It has some or all of it, and a proxy
	// may have passed it on.
	{408, 408, delivery.OutcomeUnknown, "timed out there", nil},
	{409, 409, delivery.OutcomeRefused, "in conflict with what is there", nil},
	{410, 410, delivery.OutcomeRefused, "gone", nil},
	{412, 412, delivery.OutcomeRefused, "a precondition failed", nil},
	{413, 413, delivery.OutcomeRefused, "too large", nil},
	{415, 415, delivery.OutcomeRefused, "FHIR JSON is not taken there", nil},
	{422, 422, delivery.OutcomeRefused, "against a profile or a rule of the provider", nil},
	{429, 429, delivery.OutcomeNotFiled, "busy", nil},
	{400, 499, delivery.OutcomeRefused, "not taken", nil},
	{503, 503, delivery.OutcomeNotFiled, "busy", nil},
	// The server failed before or after it filed the resource.
	{500, 599, delivery.OutcomeUnknown, "a fault there", nil},
	{math.MinInt, math.MaxInt, delivery.OutcomeUnknown, "which is no status of HTTP", nil},
}

// statusRuleIndex returns the index of the first rule that contains a status. The last rule
// contains every status.
func statusRuleIndex(status int) int {
	return slices.IndexFunc(statusRules, func(r statusRule) bool { return r.from <= status && status <= r.to })
}

// outcomeOf returns the outcome of a request whose response is r.
func outcomeOf(s sentResource, r Response, now time.Time) delivery.Outcome {
	rule := statusRules[statusRuleIndex(r.Status)]
	kind, reason := rule.kind, rule.reason
	if rule.byBody != nil {
		kind, reason = rule.byBody(s, r)
	}
	o := delivery.Outcome{Kind: kind, Status: r.Status, Answer: jsonBody(r.Body),
		Reason: fmt.Sprintf("the provider answered %d: %s", r.Status, reason)}
	if o.Kind == delivery.OutcomeNotFiled {
		o.RetryAfter = retryAfter(r.Header, now)
	}
	return o
}

// successOutcome decides on status 200 or 201. A single resource was filed because the
// status says so, whatever the body is. For a Bundle the status says nothing about the
// entries; only the body does.
func successOutcome(s sentResource, r Response) (delivery.OutcomeKind, string) {
	switch {
	case s.bundle:
		return bundleOutcome(s, r)
	case r.Status == http.StatusOK && isWebPage(r):
		// The response to a create is 201. An HTML page with status 200 comes from a proxy
		// or a portal, which has probably filed nothing.
		return delivery.OutcomeUnknown, "a web page, not an answer of FHIR"
	case r.BodyError != "":
		return delivery.OutcomeDelivered, "filed; the answer " + string(r.BodyError)
	}
	return delivery.OutcomeDelivered, "filed"
}

// bundleOutcome decides on status 200 or 201 for a Bundle, by the status of each entry.
func bundleOutcome(sent sentResource, r Response) (delivery.OutcomeKind, string) {
	if r.BodyError != "" {
		return delivery.OutcomeUnknown, "but the answer about the entries " + string(r.BodyError)
	}
	statuses, err := readBatchResponse(r.Body)
	if err != nil {
		return delivery.OutcomeUnknown, "but without a readable answer about the entries"
	}
	if len(statuses) != sent.entries {
		// The outcome of some entries is not known, even if one of the others has failed.
		// An application that is told "refused" may send again what was filed.
		return delivery.OutcomeUnknown, fmt.Sprintf("but about %d of %d entries", len(statuses), sent.entries)
	}
	if i := slices.Index(statuses, 0); i >= 0 {
		return delivery.OutcomeUnknown, fmt.Sprintf("but without a status for entry %d of %d", i+1, sent.entries)
	}
	if i := slices.IndexFunc(statuses, entryUnknown); i >= 0 {
		return delivery.OutcomeUnknown, fmt.Sprintf(
			"but entry %d of %d has %d, which does not say whether it was filed", i+1, sent.entries, statuses[i])
	}
	filed, failed := 0, -1
	for i, status := range statuses {
		switch {
		case status <= 299:
			filed++
		case failed < 0:
			failed = i
		}
	}
	if failed >= 0 {
		return delivery.OutcomeRefused, fmt.Sprintf("but entry %d of %d has %d; %d were filed",
			failed+1, sent.entries, statuses[failed], filed)
	}
	return delivery.OutcomeDelivered, fmt.Sprintf("filed, all %d entries", filed)
}

// entryUnknown reports whether the status of an entry does not say if the entry was filed.
// It follows statusRules with two exceptions. All 2xx mean success, as an entry need not be
// a create. 503 means unknown: the server has processed the Bundle, so it was not too busy
// to accept the request, and the 503 may come from another server behind it that has filed
// the entry. If a whole transaction fails, its response is not a Bundle with entries.
func entryUnknown(status int) bool {
	return status <= 199 || status == http.StatusSeeOther || status == http.StatusRequestTimeout || status >= 500
}

// maxRetryAfter is the longest Retry-After that counts.
const maxRetryAfter = time.Hour

// retryAfter reads Retry-After: seconds, or a date (RFC 9110, section 10.2.3). It
// returns 0 if the header is missing, invalid or in the past.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

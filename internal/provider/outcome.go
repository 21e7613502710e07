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

// What a provider's status line means for a resource that we posted: the table of
// failures of docs/providers.md (MedMij "Resource interface", RFC 6750, FHIR "create",
// "batch/transaction"). The first row that fits decides.
//
// Two questions decide each row. Does the status say whether the resource was filed?
// If it does not, the outcome is unknown, and nobody sends it again. If it was not
// filed: could the same request be filed later? Only a provider that says so itself
// gets it again.
type row struct {
	from, to int
	kind     delivery.OutcomeKind
	reason   string
	// judge, if set, decides by the answer's body.
	judge func(sent sent, r Reply) (delivery.OutcomeKind, string)
}

var rows = []row{
	{100, 199, delivery.OutcomeUnknown, "which does not say whether it was filed", nil},
	{200, 201, 0, "", judgeSuccess},
	// Taken for processing: it may still fail, and nobody will tell us.
	{202, 202, delivery.OutcomeUnknown, "taken, but not filed yet", nil},
	// A create answers 201, a Bundle 200 with a body. Whatever says 204 or 206 is not
	// speaking of what we asked.
	{203, 299, delivery.OutcomeUnknown, "which is no answer to a create", nil},
	// What a server answers after a POST that worked, to have a browser look at what came
	// of it.
	{303, 303, delivery.OutcomeUnknown, "a redirect to what came of it, which is never followed", nil},
	// The address of the lists or of the configuration is wrong. We never follow: the
	// token and the resource would go to a server that nobody vouches for.
	{300, 399, delivery.OutcomeRefused, "a redirect, which is never followed: the address is wrong", nil},
	{401, 401, delivery.OutcomeUnauthorized, "the access token is not taken", nil},
	{403, 403, delivery.OutcomeForbidden, "the access token does not allow it", nil},
	{404, 405, delivery.OutcomeRefused, "no such resource type or method there", nil},
	{406, 406, delivery.OutcomeRefused, "FHIR JSON is not spoken there", nil},
	// Time-out of the server while it waited for us: it has a part of the request, or
	// all of it, and a proxy in front may have passed it on.
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
	// Something broke, before or after it was filed.
	{500, 599, delivery.OutcomeUnknown, "a fault there", nil},
	{math.MinInt, math.MaxInt, delivery.OutcomeUnknown, "which is no status of HTTP", nil},
}

// rowOf finds the row of a status; the last one has them all.
func rowOf(status int) int {
	return slices.IndexFunc(rows, func(r row) bool { return r.from <= status && status <= r.to })
}

// judge says what an answer means.
func judge(s sent, r Reply, now time.Time) delivery.Outcome {
	row := rows[rowOf(r.Status)]
	kind, reason := row.kind, row.reason
	if row.judge != nil {
		kind, reason = row.judge(s, r)
	}
	o := delivery.Outcome{Kind: kind, Status: r.Status, Answer: jsonBody(r.Body),
		Reason: fmt.Sprintf("the provider answered %d: %s", r.Status, reason)}
	if o.Kind == delivery.OutcomeNotFiled {
		o.RetryAfter = retryAfter(r.Header, now)
	}
	return o
}

// judgeSuccess judges a 200 or 201. A single resource is filed if the status says so,
// whatever became of the body. A Bundle's status speaks for the Bundle: of its entries
// only the body does.
func judgeSuccess(s sent, r Reply) (delivery.OutcomeKind, string) {
	switch {
	case s.bundle:
		return judgeEntries(s, r)
	case r.Status == http.StatusOK && webPage(r):
		// A create answers 201. A page for people that comes with 200 is that of some
		// proxy or portal, which has filed nothing, or of we don't know what.
		return delivery.OutcomeUnknown, "a web page, not an answer of FHIR"
	case r.Loss != "":
		return delivery.OutcomeDelivered, "filed; the answer " + string(r.Loss)
	}
	return delivery.OutcomeDelivered, "filed"
}

func judgeEntries(s sent, r Reply) (delivery.OutcomeKind, string) {
	if r.Loss != "" {
		return delivery.OutcomeUnknown, "but the answer about the entries " + string(r.Loss)
	}
	statuses, err := readBatchResponse(r.Body)
	if err != nil {
		return delivery.OutcomeUnknown, "but without a readable answer about the entries"
	}
	if len(statuses) != s.entries {
		// What became of the others nobody says, even if one of those there are has failed.
		// To call it refused would have somebody send again what may be there.
		return delivery.OutcomeUnknown, fmt.Sprintf("but about %d of %d entries", len(statuses), s.entries)
	}
	if i := slices.Index(statuses, 0); i >= 0 {
		return delivery.OutcomeUnknown, fmt.Sprintf("but without a status for entry %d of %d", i+1, s.entries)
	}
	if i := slices.IndexFunc(statuses, doubtful); i >= 0 {
		return delivery.OutcomeUnknown, fmt.Sprintf("but entry %d of %d has %d, which does not say whether it was filed", i+1, s.entries, statuses[i])
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
		return delivery.OutcomeRefused, fmt.Sprintf("but entry %d of %d has %d; %d were filed", failed+1, s.entries, statuses[failed], filed)
	}
	return delivery.OutcomeDelivered, fmt.Sprintf("filed, all %d entries", filed)
}

// doubtful reports whether the status of an entry leaves open if the entry was filed, as
// the rows have it for a resource; 2xx apart, as an entry need be no create. A 503 is in
// doubt too: the server that answered is not the one that is busy, and what it knows of
// that one it does not say. A transaction is all or nothing: one that fails has a status
// of its own, and no entries.
func doubtful(status int) bool {
	return status <= 199 || status == http.StatusSeeOther || status == http.StatusRequestTimeout || status >= 500
}

// maxRetryAfter bounds how long a provider can have us wait.
const maxRetryAfter = time.Hour

// retryAfter reads Retry-After: seconds, or a date (RFC 9110, section 10.2.3). 0 if
// there is none, or none that can be read, or if it is over.
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

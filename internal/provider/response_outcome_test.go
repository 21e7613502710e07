package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
)

// Short names of the outcomes, for tables.
const (
	unknown      = delivery.OutcomeUnknown
	delivered    = delivery.OutcomeDelivered
	refused      = delivery.OutcomeRefused
	notFiled     = delivery.OutcomeNotFiled
	unauthorized = delivery.OutcomeUnauthorized
	forbidden    = delivery.OutcomeForbidden
)

var (
	single = sentResource{}
	two    = sentResource{bundle: true, entries: 2}
)

// batch returns a batch-response with these statuses.
func batch(statuses ...string) string {
	var entries []string
	for _, s := range statuses {
		entries = append(entries, `{"response":{"status":"`+s+`"}}`)
	}
	return `{"resourceType":"Bundle","type":"batch-response","entry":[` + strings.Join(entries, ",") + `]}`
}

// TestStatusRules has a case for each rule, for a single resource and for a Bundle.
func TestStatusRules(t *testing.T) {
	const issue = `{"resourceType":"OperationOutcome"}`
	met := map[int]bool{statusRuleIndex(http.StatusCreated): true} // by TestSuccessOutcome
	for status, want := range map[int]delivery.OutcomeKind{
		101: unknown, 202: unknown, 203: unknown, 204: unknown, 206: unknown, 299: unknown,
		300: refused, 301: refused, 302: refused, 303: unknown, 304: refused, 307: refused, 308: refused,
		400: refused, 401: unauthorized, 402: refused, 403: forbidden, 404: refused, 405: refused,
		406: refused, 407: refused, 408: unknown, 409: refused, 410: refused, 411: refused,
		412: refused, 413: refused, 414: refused, 415: refused, 417: refused, 418: refused,
		421: refused, 422: refused, 423: refused, 425: refused, 428: refused, 429: notFiled,
		431: refused, 451: refused, 499: refused,
		500: unknown, 501: unknown, 502: unknown, 503: notFiled, 504: unknown, 505: unknown,
		507: unknown, 599: unknown, 600: unknown, 999: unknown, 0: unknown,
	} {
		met[statusRuleIndex(status)] = true
		for _, s := range []sentResource{single, two} {
			o := outcomeOf(s, Response{Status: status, Body: []byte(issue)}, time.Now())
			if o.Kind != want || o.Status != status {
				t.Errorf("%d for %+v is %v (status %d), want %v", status, s, o.Kind, o.Status, want)
			}
			if string(o.Answer) != issue {
				t.Errorf("%d: the answer is %q", status, o.Answer)
			}
			if o.Reason == "" || strings.Contains(o.Reason, "OperationOutcome") {
				t.Errorf("%d: the reason is %q", status, o.Reason)
			}
		}
	}
	for i, r := range statusRules {
		if !met[i] {
			t.Errorf("no case for %d to %d, %q", r.from, r.to, r.reason)
		}
	}
}

// outcomeCase is a response with status 200 or 201, and the outcome that it means.
type outcomeCase struct {
	reply  Response
	want   delivery.OutcomeKind
	answer bool // whether the outcome has the body
	reason string
}

func checkOutcomes(t *testing.T, sent sentResource, cases map[string]outcomeCase) {
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			o := outcomeOf(sent, tt.reply, time.Now())
			if o.Kind != tt.want || (o.Answer != nil) != tt.answer || !strings.Contains(o.Reason, tt.reason) {
				t.Errorf("%+v, answer %q; want %v, an answer: %v, a reason with %q", o, o.Answer, tt.want, tt.answer,
					tt.reason)
			}
		})
	}
}

// withBody returns a response with a body, noBody one whose body could not be read, page one with HTML.
func withBody(status int, text string) Response { return Response{Status: status, Body: []byte(text)} }

func noBody(status int, why BodyError) Response { return Response{Status: status, BodyError: why} }

func page(status int) Response {
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	return Response{Status: status, Header: html, Body: []byte("<html>")}
}

// A single resource was filed, whatever the body is, except after a page with status 200.
func TestSuccessOutcome(t *testing.T) {
	checkOutcomes(t, single, map[string]outcomeCase{
		"201, resource":  {withBody(201, `{"resourceType":"Patient"}`), delivered, true, "filed"},
		"200, resource":  {withBody(200, `{"resourceType":"Patient"}`), delivered, true, "filed"},
		"201, empty":     {Response{Status: 201}, delivered, false, "filed"},
		"200, empty":     {Response{Status: 200}, delivered, false, "filed"},
		"201, XML":       {withBody(201, `<Patient/>`), delivered, false, "filed"},
		"200, XML":       {withBody(200, `<Patient/>`), delivered, false, "filed"},
		"201, too long":  {noBody(201, BodyTooLong), delivered, false, "too long"},
		"200, too long":  {noBody(200, BodyTooLong), delivered, false, "too long"},
		"201, cut":       {noBody(201, BodyTruncated), delivered, false, "cut off"},
		"200, cut":       {noBody(200, BodyTruncated), delivered, false, "cut off"},
		"201, page":      {page(201), delivered, false, "filed"},
		"200, page":      {page(200), unknown, false, "web page"},
		"201, half JSON": {withBody(201, `{"resourceType":`), delivered, false, "filed"},
	})
}

// A Bundle was filed if the body says so of each entry.
func TestBundleSuccessOutcome(t *testing.T) {
	const unreadable = "without a readable answer"
	checkOutcomes(t, two, map[string]outcomeCase{
		"200, both": {withBody(200, batch("201 Created", "200")), delivered, true, "all 2 entries"},
		"201, both": {withBody(201, batch("201", "201")), delivered, true, "all 2 entries"},
		"transaction": {withBody(200, strings.Replace(batch("201", "200"), "batch-", "transaction-", 1)),
			delivered, true, "all 2"},
		"with a BOM": {withBody(200, "\xef\xbb\xbf"+batch("201", "200")), delivered, true, "all 2"},
		"one failed": {withBody(200, batch("201", "422 Unprocessable")), refused, true,
			"entry 2 of 2 has 422; 1 were filed"},
		"both failed": {withBody(200, batch("400", "422")), refused, true,
			"entry 1 of 2 has 400; 0 were filed"},
		"no status": {withBody(200, batch("201", "")), unknown, true, "without a status for entry 2"},
		"odd status": {withBody(200, batch("created", "201")), unknown, true,
			"without a status for entry 1"},
		"one is missing":  {withBody(200, batch("201")), unknown, true, "about 1 of 2 entries"},
		"one too many":    {withBody(200, batch("201", "201", "201")), unknown, true, "about 3 of 2 entries"},
		"one, and failed": {withBody(200, batch("422")), unknown, true, "about 1 of 2 entries"},
		"failed, silent":  {withBody(200, batch("", "422")), unknown, true, "without a status for entry 1 of 2"},
		"none":            {withBody(200, batch()), unknown, true, "about 0 of 2 entries"},
		"empty":           {Response{Status: 200}, unknown, false, unreadable},
		"page":            {page(200), unknown, false, unreadable},
		"XML":             {withBody(200, `<Bundle/>`), unknown, false, unreadable},
		"half": {withBody(200, `{"resourceType":"Bundle","type":"batch-resp`), unknown, false,
			unreadable},
		"too long": {noBody(200, BodyTooLong), unknown, false, "too long"},
		"cut":      {noBody(200, BodyTruncated), unknown, false, "cut off"},
		"outcome":  {withBody(200, `{"resourceType":"OperationOutcome"}`), unknown, true, unreadable},
		"the same again": {withBody(200, `{"resourceType":"Bundle","type":"batch","entry":[{},{}]}`), unknown,
			true, unreadable},
		"entries no list": {withBody(200, `{"resourceType":"Bundle","type":"batch-response","entry":{}}`),
			unknown, true, unreadable},
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		"3600":                          time.Hour,
		"7200":                          time.Hour,
		"99999999999999999999":          0,
		"18446744073709551615":          time.Hour,
		"-5":                            0,
		"1.5":                           0,
		"soon":                          0,
		"Sun, 01 Mar 2026 12:10:00 GMT": 10 * time.Minute,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0,
		"Mon, 01 Mar 2027 12:00:00 GMT": time.Hour,
	} {
		for _, status := range []int{429, 503} {
			o := outcomeOf(single, Response{Status: status, Header: http.Header{"Retry-After": {text}}}, now)
			if o.RetryAfter != want || o.Kind != notFiled {
				t.Errorf("Retry-After %q with %d: %v, %v; want %v", text, status, o.RetryAfter, o.Kind, want)
			}
		}
		if o := outcomeOf(single, Response{Status: 500, Header: http.Header{"Retry-After": {text}}},
			now); o.RetryAfter != 0 {
			t.Errorf("a 500 with Retry-After %q asks to wait %v", text, o.RetryAfter)
		}
	}
}

func FuzzReadBatchResponse(f *testing.F) {
	f.Add([]byte(batch("201 Created", "422")))
	f.Add([]byte(batch()))
	f.Add([]byte(`{"resourceType":"Bundle","type":"transaction-response","entry":[null,` +
		`{"response":null},{"response":{"status":"2000"}}]}`))
	f.Add([]byte("\xef\xbb\xbf[]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		statuses, err := readBatchResponse(body)
		if err != nil && statuses != nil {
			t.Errorf("statuses and an error: %v", statuses)
		}
		for _, s := range statuses {
			if s < 0 || s > 999 {
				t.Errorf("status %d", s)
			}
		}
		// A Bundle is delivered only if each of its entries is.
		o := outcomeOf(sentResource{bundle: true, entries: len(statuses)},
			Response{Status: 200, Body: body}, time.Now())
		for _, s := range statuses {
			if o.Kind == delivered && (s < 200 || s > 299) {
				t.Errorf("delivered with an entry of %d", s)
			}
		}
	})
}

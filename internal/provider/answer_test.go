package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
)

// TestEntriesInDoubt: a Bundle is refused only if it is known of each entry whether it
// was filed.
func TestEntriesInDoubt(t *testing.T) {
	for name, tt := range map[string]struct {
		body   string
		want   delivery.OutcomeKind
		reason string
	}{
		"one failed, one missing":  {batch("400"), unknown, "about 1 of 2 entries"},
		"one failed, one silent":   {batch("400", ""), unknown, "without a status for entry 2 of 2"},
		"one silent, one failed":   {batch("", "400"), unknown, "without a status for entry 1 of 2"},
		"two failed, one too many": {batch("400", "400", "400"), unknown, "about 3 of 2 entries"},
		"fault":                    {batch("201", "500"), unknown, "entry 2 of 2 has 500"},
		"busy":                     {batch("503", "201"), unknown, "entry 1 of 2 has 503"},
		"beyond HTTP":              {batch("201", "600"), unknown, "entry 2 of 2 has 600"},
		"timed out":                {batch("201", "408 Request Timeout"), unknown, "entry 2 of 2 has 408"},
		"see other":                {batch("201", "303"), unknown, "entry 2 of 2 has 303"},
		"continue":                 {batch("100", "201"), unknown, "entry 1 of 2 has 100"},
		"zero":                     {batch("000", "201"), unknown, "without a status for entry 1 of 2"},
		"one failed, one fault":    {batch("400", "500"), unknown, "entry 2 of 2 has 500"},
		"one failed":               {batch("200", "400"), refused, "entry 2 of 2 has 400; 1 were filed"},
		"both failed":              {batch("404", "499"), refused, "entry 1 of 2 has 404; 0 were filed"},
		"not modified":             {batch("304", "299"), refused, "entry 1 of 2 has 304; 1 were filed"},
		"busy for one":             {batch("429", "201"), refused, "entry 1 of 2 has 429; 1 were filed"},
	} {
		for _, kind := range []string{"batch-response", "transaction-response"} {
			body := strings.Replace(tt.body, "batch-response", kind, 1)
			o := judge(two, Reply{Status: 200, Body: []byte(body)}, time.Now())
			if o.Kind != tt.want || !strings.Contains(o.Reason, tt.reason) {
				t.Errorf("%s, %s: %v, %q; want %v, %q", name, kind, o.Kind, o.Reason, tt.want, tt.reason)
			}
		}
	}
}

// TestSeeOther: the usual answer after a POST that worked does not say that it failed.
func TestSeeOther(t *testing.T) {
	for _, s := range []sent{single, two} {
		if o := judge(s, Reply{Status: http.StatusSeeOther}, time.Now()); o.Kind != unknown {
			t.Errorf("%+v: %v, %q", s, o.Kind, o.Reason)
		}
	}
}

// TestExactNames: a name in another case is another name.
func TestExactNames(t *testing.T) {
	for text, want := range map[string]int{
		`{"resourceType":"Bundle","entry":[{},{}],"Entry":[{}]}`:      2,
		`{"resourceType":"Bundle","Entry":[{}],"entry":[{},{}]}`:      2,
		`{"resourceType":"Bundle","ENTRY":[{}]}`:                      0,
		`{"resourceType":"Bundle","entry":null}`:                      0,
		`{"resourceType":"Bundle","ResourceType":"x","entry":[{}]}`:   1,
		`{"resourceType":"Bundle","entr\u0079":[{}]}`:                 1,
		`{"ResourceType":"Bundle","entry":[{}]}`:                      -1,
		`{"resourceType":"Bundle","entry":[{}],"entry":[{},{}]}`:      -1,
		`{"resourceType":"Bundle","entry":[{}],"entr\u0079":[{},{}]}`: -1,
		`{"resourceType":"Bundle","entry":{}}`:                        -1,
		`{"resourceType":"Bundle","entry":[{}]} {"resourceType":"x"}`: -1,
		`["resourceType","Bundle"]`:                                   -1,
		`null`:                                                        -1,
		`{"resourceType":7}`:                                          -1,
		``:                                                            -1,
	} {
		s, err := describe(delivery.Resource{Body: []byte(text)})
		if want < 0 && err == nil || want >= 0 && (err != nil || s.entries != want || !s.bundle) {
			t.Errorf("%s: %+v, %v; want %d entries", text, s, err, want)
		}
	}
	const ok = `{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201"}},{"response":{"status":"201"}}]}`
	for _, tt := range []struct {
		from, to string
		want     delivery.OutcomeKind
	}{
		{``, ``, delivered},
		{`"entry"`, `"Entry"`, unknown},
		{`"type"`, `"Type"`, unknown},
		{`"resourceType"`, `"ResourceType"`, unknown},
		{`"response"`, `"Response"`, unknown},
		{`"status"`, `"Status"`, unknown},
		{`"status":"201"`, `"status":"400","Status":"201"`, refused},
		{`"response":`, `"response":{"status":"400"},"Response":`, refused},
		{`"entry":`, `"entry":[{"response":{"status":"201"}}],"Entry":`, unknown},
		{`"entry":`, `"Entry":[],"entry":`, delivered},
		{`"entry":`, `"entry":[],"entry":`, unknown},
		{`"status":"201"`, `"status":"400","status":"201"`, unknown},
		{`"response":`, `"response":{"status":"400"},"response":`, unknown},
		{`{"response":{"status":"201"}}`, `null`, unknown},
		{`{"response":{"status":"201"}}`, `"201"`, unknown},
		{`{"status":"201"}`, `"201"`, unknown},
		{`{"status":"201"}`, `null`, unknown},
		{`"status":"201"`, `"status":201`, unknown},
	} {
		o := judge(two, Reply{Status: 200, Body: []byte(strings.Replace(ok, tt.from, tt.to, 1))}, time.Now())
		if o.Kind != tt.want {
			t.Errorf("%s for %s: %v, %q; want %v", tt.to, tt.from, o.Kind, o.Reason, tt.want)
		}
	}
}

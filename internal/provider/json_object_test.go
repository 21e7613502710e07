package provider

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
)

// A name in another case is another name, and a resource in which a name occurs twice is refused.
func TestExactNamesInResource(t *testing.T) {
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
		s, err := describeResource(delivery.Resource{Body: []byte(text)})
		if want < 0 && err == nil || want >= 0 && (err != nil || s.entries != want || !s.bundle) {
			t.Errorf("%s: %+v, %v; want %d entries", text, s, err, want)
		}
	}
}

// A name in another case is another name, and a name that occurs twice makes a response unreadable.
func TestExactNamesInResponse(t *testing.T) {
	const ok = `{"resourceType":"Bundle","type":"batch-response","entry":[` +
		`{"response":{"status":"201"}},{"response":{"status":"201"}}]}`
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
		o := outcomeOf(two, Response{Status: 200, Body: []byte(strings.Replace(ok, tt.from, tt.to, 1))}, time.Now())
		if o.Kind != tt.want {
			t.Errorf("%s for %s: %v, %q; want %v", tt.to, tt.from, o.Kind, o.Reason, tt.want)
		}
	}
}

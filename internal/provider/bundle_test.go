package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
)

// A Bundle is refused only if the outcome of each entry is known.
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
			o := outcomeOf(two, Response{Status: 200, Body: []byte(body)}, time.Now())
			if o.Kind != tt.want || !strings.Contains(o.Reason, tt.reason) {
				t.Errorf("%s, %s: %v, %q; want %v, %q", name, kind, o.Kind, o.Reason, tt.want, tt.reason)
			}
		}
	}
}

// 303 is the usual response to a POST that succeeded, so it is not a failure.
func TestSeeOther(t *testing.T) {
	for _, s := range []sentResource{single, two} {
		if o := outcomeOf(s, Response{Status: http.StatusSeeOther}, time.Now()); o.Kind != unknown {
			t.Errorf("%+v: %v, %q", s, o.Kind, o.Reason)
		}
	}
}

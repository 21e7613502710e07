package pages

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/wire"
)

// linkQuery is what an application asks for in the address of a link, besides the
// code. Sources cannot be chosen yet, so most of it only has to be well formed.
type linkQuery struct {
	// accountRef is the handle of the account to connect again.
	accountRef string
}

// maxSample bounds the name of a sample data set.
const maxSample = 200

// parseLinkQuery refuses an address that no client makes: a person should not
// answer a question that was garbled on the way.
func parseLinkQuery(q url.Values) (linkQuery, error) {
	check := func(name string, good func(string) bool) error {
		for _, value := range q[name] {
			if len(q[name]) > 1 || !good(value) {
				return fmt.Errorf("parameter %s is malformed", name) // its value may be anything: not for the log
			}
		}
		return nil
	}
	yesOrNo := func(s string) bool { return s == "true" || s == "false" }
	err := errors.Join(
		check("sourceType", func(s string) bool { return s == "pull" || s == "push" }),
		check("service", func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n > 0 }),
		check("sampleDataSet", func(s string) bool { return s != "" && len(s) <= maxSample && utf8.ValidString(s) }),
		check("sampleDataAutoOnboard", yesOrNo),
		check("includeSampleDataOnlySources", yesOrNo),
		check("triggerQuery", yesOrNo),
		check("storageRef", wire.ValidName),
		check("accountRef", wire.ValidName),
		check("sourcesScope", validSourcesScope),
	)
	return linkQuery{accountRef: q.Get("accountRef")}, err
}

// validSourcesScope reports whether s is the JSON of a scope of sources, which the
// clients encode twice.
func validSourcesScope(s string) bool {
	if again, err := url.PathUnescape(s); err == nil {
		s = again
	}
	var scope struct {
		DataType         []string `json:"dataType"`
		OrganizationType *string  `json:"organizationType"`
	}
	if !strings.HasPrefix(strings.TrimSpace(s), "{") || json.Unmarshal([]byte(s), &scope) != nil {
		return false
	}
	return !slices.Contains(scope.DataType, "")
}

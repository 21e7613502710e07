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

	"github.com/carrelhq/carrel/digime/wire"
)

// linkQuery is what an application asks for in the address of a link, besides the
// code. Nothing can be collected yet, so what is about that only has to be well formed.
type linkQuery struct {
	// push says that it wants to send to a provider, and not to collect from a service.
	push bool
	// service is the source that it has chosen, or the person since; 0 if none is.
	service int
	// scope narrows what can be chosen.
	scope sourcesScope
	// accountRef is the handle of the account to connect again.
	accountRef string
}

// sourcesScope is what an application has to send, and to which kind of organisation.
// Either may be empty, which is everything.
type sourcesScope struct {
	DataTypes        []string
	OrganizationType string
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
		check("sourcesScope", func(s string) bool { _, ok := parseSourcesScope(s); return ok }),
	)
	asked := linkQuery{push: q.Get("sourceType") == "push", accountRef: q.Get("accountRef")}
	asked.service, _ = strconv.Atoi(q.Get("service"))
	asked.scope, _ = parseSourcesScope(q.Get("sourcesScope"))
	return asked, err
}

// parseSourcesScope reads the JSON of a scope of sources, which the clients encode
// twice.
func parseSourcesScope(s string) (_ sourcesScope, ok bool) {
	if again, err := url.PathUnescape(s); err == nil {
		s = again
	}
	var scope struct {
		DataType         []string `json:"dataType"`
		OrganizationType *string  `json:"organizationType"`
	}
	if !strings.HasPrefix(strings.TrimSpace(s), "{") || json.Unmarshal([]byte(s), &scope) != nil || slices.Contains(scope.DataType, "") {
		return sourcesScope{}, false
	}
	parsed := sourcesScope{DataTypes: scope.DataType}
	if scope.OrganizationType != nil {
		parsed.OrganizationType = *scope.OrganizationType
	}
	return parsed, true
}

package onboarding

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
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// authorizeQuery is what an application asks for in the address of a request, besides the code.
type authorizeQuery struct {
	// push reports that the application wants to send to a provider, and not to collect from a service.
	push bool
	// service is the source that the application or the person has chosen; zero if none is.
	service int
	// sample is the sample data set to use in place of a person's data; empty for none.
	sample string
	// onlySamples lets the person choose sources, too, that have nothing but sample data.
	onlySamples bool
	// skipsPages asks to skip the pages, which only some contracts may: see sandbox.go.
	skipsPages bool
	// skipsFetch says that what is connected is not to be fetched from yet.
	skipsFetch bool
	// scope narrows the sources that can be chosen.
	scope library.SourcesScope
	// accountRef is the handle of the account to connect again.
	accountRef string
	// storageRef is the handle of the storage that the application has made for the person; empty for none.
	storageRef string
}

// connectionQuery is what the address asks to connect.
func (q authorizeQuery) connectionQuery() delivery.ConnectionQuery {
	return delivery.ConnectionQuery{Push: q.push, Source: q.service, Sample: q.sample, OnlySamples: q.onlySamples,
		Scope: q.scope, AccountHandle: q.accountRef}
}

// maxSampleName bounds the name of a sample data set, in bytes.
const maxSampleName = 200

// maxSourcesScope bounds a scope of sources, in bytes of JSON: each link of a page repeats it. All data types that
// there are take less.
const maxSourcesScope = 4096

// parseAuthorizeQuery refuses an address that no client makes: a person should not answer a question that was garbled
// on the way.
func parseAuthorizeQuery(query url.Values) (authorizeQuery, error) {
	check := func(name string, valid func(string) bool) error {
		for _, value := range query[name] {
			if len(query[name]) > 1 || !valid(value) {
				return fmt.Errorf("parameter %s is malformed", name) // without its value, which may be secret
			}
		}
		return nil
	}
	isBool := func(text string) bool { return text == "true" || text == "false" }
	err := errors.Join(
		check("sourceType", func(text string) bool { return text == "pull" || text == "push" }),
		check("service", func(text string) bool { n, err := strconv.Atoi(text); return err == nil && n > 0 }),
		check("sampleDataSet", func(text string) bool {
			return text != "" && len(text) <= maxSampleName && utf8.ValidString(text)
		}),
		check("sampleDataAutoOnboard", isBool),
		check("includeSampleDataOnlySources", isBool),
		check("triggerQuery", isBool),
		check("storageRef", wire.ValidName),
		check("accountRef", wire.ValidName),
		check("sourcesScope", func(text string) bool { _, ok := parseSourcesScope(text); return ok }),
	)
	parsed := authorizeQuery{push: query.Get("sourceType") == "push", accountRef: query.Get("accountRef"),
		storageRef: query.Get("storageRef"), sample: query.Get("sampleDataSet")}
	parsed.skipsPages = query.Get("sampleDataAutoOnboard") == "true"
	// Who names a set wants sample data, unless the address says otherwise.
	parsed.onlySamples = parsed.sample != "" && query.Get("includeSampleDataOnlySources") == "" ||
		query.Get("includeSampleDataOnlySources") == "true"
	parsed.skipsFetch = query.Get("triggerQuery") == "false"
	parsed.service, _ = strconv.Atoi(query.Get("service"))
	parsed.scope, _ = parseSourcesScope(query.Get("sourcesScope"))
	return parsed, err
}

// parseSourcesScope reads the JSON of a scope of sources. Some clients percent-encode it twice.
func parseSourcesScope(s string) (_ library.SourcesScope, ok bool) {
	if decoded, err := url.PathUnescape(s); err == nil {
		s = decoded
	}
	var scope struct {
		DataType         []string `json:"dataType"`
		OrganizationType *string  `json:"organizationType"`
	}
	if !strings.HasPrefix(strings.TrimSpace(s), "{") || json.Unmarshal([]byte(s), &scope) != nil ||
		slices.Contains(scope.DataType, "") || len(s) > maxSourcesScope {
		return library.SourcesScope{}, false
	}
	parsed := library.SourcesScope{DataTypes: scope.DataType}
	if scope.OrganizationType != nil {
		parsed.OrganizationType = *scope.OrganizationType
	}
	return parsed, true
}

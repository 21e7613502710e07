package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/server"
)

// recordedCatalogue configures the catalogue that the stub had in the recording, so that the responses can be compared
// with the recorded ones.
func recordedCatalogue(c *server.Config) { c.Catalogue = "testdata/catalogue.json" }

// isCatalogue reports whether an exchange is a call of the catalogue.
func isCatalogue(e *exchange) bool {
	return below("discovery/")(e) || below("permission-access/sample/")(e)
}

// compareCatalogue checks that a response has every value of the recorded response, and no null. It may have other
// members too, since the iOS client needs fields that the recorded query does not ask for. If the query does not sort,
// the order of the sources does not matter.
func compareCatalogue(t *testing.T, e *exchange, recorded, answer []byte) {
	t.Helper()
	var want, got any
	if err := errors.Join(json.Unmarshal(recorded, &want), json.Unmarshal(answer, &got)); err != nil {
		t.Fatal(err)
	}
	if below("permission-access/sample/")(e) {
		// The stub had other sets, so that only their form can be compared.
		want, got = setForm(want), setForm(got)
	}
	body, err := e.Request.Body.bytes()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `"sort"`) {
		sortByID(want)
		sortByID(got)
	}
	if err := hasValues("answer", want, got); err != nil {
		t.Errorf("%v\nrecorded %s\nanswer   %s", err, recorded, answer)
	}
}

// setForm returns the members of one of the sample data sets of a response, without their values, if all have the same.
func setForm(answer any) any {
	var form map[string]any
	sets, _ := answer.(map[string]any)
	for _, set := range sets {
		members := map[string]any{}
		values, _ := set.(map[string]any)
		for name, v := range values {
			members[name] = reflect.TypeOf(v) == reflect.TypeFor[string]()
		}
		if form != nil && !reflect.DeepEqual(form, members) {
			return nil
		}
		form = members
	}
	return form
}

func sortByID(answer any) {
	object, _ := answer.(map[string]any)
	list, _ := object["data"].([]any)
	id := func(v any) float64 { return v.(map[string]any)["id"].(float64) }
	slices.SortFunc(list, func(a, b any) int { return int(id(a) - id(b)) })
}

// hasValues returns an error for the first value of the recorded response that a response does not have. The path is
// the place of the compared values, for the error.
func hasValues(path string, want, got any) error {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is not an object", path)
		}
		for name, w := range want {
			if err := hasValues(path+"."+name, w, got[name]); err != nil {
				return err
			}
		}
		return noNull(path, got)
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return fmt.Errorf("%s is %v, recorded %v", path, got, want)
		}
		for i := range want {
			if err := hasValues(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %v, recorded %v", path, got, want)
	}
	return nil
}

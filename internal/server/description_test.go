package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/openapi/openapitest"
)

// compareWithDescription checks that a response of this server is as docs/openapi.json describes it.
func compareWithDescription(t *testing.T, e *exchange, a rawAnswer) {
	t.Helper()
	err := openapitest.Check(openapitest.Answer{Method: e.Request.Method, Path: e.Request.Path, Status: a.StatusCode,
		Header: a.Header, Body: a.body})
	if err != nil {
		t.Errorf("docs/openapi.json: %v", err)
	}
}

// undescribed are recorded answers that are not as docs/openapi.json describes them, with the reasons.
var undescribed = []struct {
	why  string
	like func(*exchange) bool
}{
	{"the stub has another body for a push, which clients ignore", func(e *exchange) bool {
		return e.call() == "permission-access/import" && e.Answer.Status == http.StatusCreated
	}},
	{"the stub leaves out members that the iOS SDK requires", func(e *exchange) bool {
		body := e.Request.Body.UTF8
		return e.call() == "discovery/sources" && body != nil && strings.Contains(*body, `"include"`)
	}},
	{"the stub has no headers for the errors of the file storage", func(e *exchange) bool {
		return below("/cloud/")(e) && e.Answer.Status >= http.StatusBadRequest
	}},
}

// TestRecordedAnswersAreDescribed compares the recorded answers, which the public Node client has accepted, with
// docs/openapi.json.
func TestRecordedAnswersAreDescribed(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, e := range loadRecording(t).Exchanges {
		if strings.HasPrefix(e.Request.Path, "/apps/") || !e.isDescribed() {
			continue
		}
		body, err := e.Answer.Body.bytes()
		if err != nil {
			continue // only its length was recorded
		}
		header := http.Header{}
		for name, value := range e.Answer.Headers {
			header.Set(name, value)
		}
		status := e.Answer.Status
		if status == http.StatusAccepted && below("permission-access/query/")(e) {
			status = http.StatusOK // the stub pretends to fetch from sources
		}
		err = openapitest.Check(openapitest.Answer{Method: e.Request.Method, Path: e.Request.Path,
			Status: status, Header: header, Body: body})
		if err != nil {
			t.Errorf("%v: %v", e, err)
		}
		compared++
	}
	if compared < 200 {
		t.Errorf("compared %d answers", compared)
	}
}

func (e *exchange) isDescribed() bool {
	for _, u := range undescribed {
		if u.like(e) {
			return false
		}
	}
	return true
}

package digime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

const bundle = `{"resourceType":"Bundle","type":"batch","value":72.50}`

// A push is sent once, as it was given, and once more after its token was refreshed.
func TestPushToProvider(t *testing.T) {
	l := start(t)
	var saved []digime.UserAccessToken
	user := l.writer(t, digime.OnTokenChange(func(_ context.Context, token digime.UserAccessToken) error {
		saved = append(saved, token)
		return nil
	}))
	l.ExpireAccessTokens()
	response, err := user.PushToProvider(t.Context(), "2_provider", digime.STU3, []byte(bundle))
	if err != nil || response.Status != 201 || !response.Delivered() || response.DeliveryID != "delivery1" ||
		!strings.Contains(string(response.Body), `"Bundle"`) {
		t.Errorf("response %+v, error %v", response, err)
	}
	if len(saved) != 1 || !saved[0].AccessToken.Value.Equal(user.Token().AccessToken.Value) {
		t.Errorf("the token was saved %d times", len(saved))
	}
	r := l.Requests(digimetest.EndpointPushToProvider)
	if len(r) != 2 || r[1].Path != "/v1.7/permission-access/import/h:accountId/fhir/stu3" ||
		string(r[1].Body) != bundle || r[1].Header.Get("accountId") != "2_provider" {
		t.Errorf("requests %+v", r)
	}
	if r[0].Claims.Nonce == r[1].Claims.Nonce {
		t.Error("the same signature was used twice")
	}
	_, err = user.PushToProvider(t.Context(), "1_person", digime.STU3, []byte(bundle))
	if !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("another account: error %v", err)
	}
	if _, err := user.PushToProvider(t.Context(), "2_provider", "3.0.2", []byte(bundle)); err != nil {
		t.Errorf("another spelling of the version: %v", err)
	}
}

// All ways to write a resource in Go give the same JSON.
func TestMarshalResource(t *testing.T) {
	type weight struct {
		Type  string      `json:"resourceType"`
		Value json.Number `json:"value"`
	}
	const want = `{"resourceType":"Observation","value":72.50}`
	for name, resource := range map[string]any{
		"raw": json.RawMessage(want), "marshaler": marshaler(want),
		"struct": weight{"Observation", "72.50"}, "pointer": &weight{"Observation", "72.50"},
		"map": map[string]any{"resourceType": "Observation", "value": json.Number("72.50")},
	} {
		if got, err := digime.MarshalResource(resource); err != nil || string(got) != want {
			t.Errorf("%s: %s, error %v", name, got, err)
		}
	}
	for want, resource := range map[string]any{
		"is not a JSON object":       bundle, // a string
		"resource is not a JSON":     []byte(bundle),
		"not a JSON object":          nil,
		`has no "resourceType"`:      struct{ ResourceType string }{"Patient"},
		"unsupported type: func()":   map[string]any{"resourceType": func() {}},
		"larger than 10485760 bytes": map[string]any{"resourceType": strings.Repeat("A", 10<<20)},
	} {
		_, err := digime.MarshalResource(resource)
		if !errors.Is(err, digime.ErrValidation) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

type marshaler string

func (m marshaler) MarshalJSON() ([]byte, error) { return []byte(m), nil }

func TestPushToProviderRefusesWrongArguments(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	large := `{"resourceType":"Binary","content":"` + strings.Repeat("A", 10<<20) + `"}`
	for want, push := range map[string]struct {
		account  digime.AccountID
		version  digime.FHIRVersion
		resource string
	}{
		"no account":                         {"", digime.STU3, bundle},
		`FHIR version "" is neither`:         {"2_provider", "", bundle},
		`FHIR version "../x" is neither`:     {"2_provider", "../x", bundle},
		"is not JSON":                        {"2_provider", digime.STU3, `{`},
		"resource is not JSON":               {"2_provider", digime.STU3, ``},
		"is not a JSON object":               {"2_provider", digime.STU3, `"` + `text"`},
		"the resource is not a JSON object":  {"2_provider", digime.STU3, ` ["resourceType"]`},
		`resource has no "resourceType"`:     {"2_provider", digime.STU3, `{"resourceType":7}`},
		`the resource has no "resourceType"`: {"2_provider", digime.STU3, `{"ResourceType":"Patient"}`},
		"is larger than 10485760 bytes":      {"2_provider", digime.STU3, large},
	} {
		response, err := user.PushToProvider(t.Context(), push.account, push.version, []byte(push.resource))
		if !errors.Is(err, digime.ErrValidation) || !strings.Contains(err.Error(), want) || response.Status != 0 {
			t.Errorf("response %+v, error %v, want %q", response, err, want)
		}
	}
	if n := l.count(digimetest.EndpointPushToProvider); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// respondDelivery responds to a push to a provider that the server has accepted as delivery1.
func respondDelivery(status int, body string) digimetest.Failure {
	return respondJSON(status, body, "X-Delivery-Id", "delivery1")
}

// refuseDelivery responds with an error about delivery1.
func refuseDelivery(e digime.Error) digimetest.Failure {
	text, err := json.Marshal(map[string]any{"error": e})
	if err != nil {
		panic(err)
	}
	return respondDelivery(e.Status, string(text))
}

// What the server says of a delivery, and what the caller learns of it.
func TestPushToProviderResponses(t *testing.T) {
	const like = `{"delivery":{"id":"another"}}`
	const own = `{"status":"delivered","delivery":{"id":"delivery1","state":"waiting"}}`
	for _, test := range []struct {
		name      string
		failure   digimetest.Failure
		body      string
		delivered bool
	}{
		{"the provider's own", respondDelivery(200, `{"resourceType":"Bundle"}`), `{"resourceType":"Bundle"}`, true},
		{"none of its own", respondDelivery(201, own), "", true},
		{"nothing at all", digimetest.Status(204, "X-Delivery-Id", "delivery1"), "", true},
		{"under way", respondDelivery(202, own), "", false},
		{"like the server's", respondDelivery(200, like), like, true},
	} {
		l := start(t)
		l.FailNext(digimetest.EndpointPushToProvider, test.failure)
		got, err := l.writer(t).PushToProvider(t.Context(), "2_provider", digime.STU3, []byte(bundle))
		if err != nil || string(got.Body) != test.body || got.Delivered() != test.delivered ||
			got.DeliveryID != "delivery1" {
			t.Errorf("%s: %+v %s, error %v", test.name, got, got.Body, err)
		}
	}
}

// Errors say which kind they are, which delivery they are about, and what the provider said. Nothing is sent twice.
func TestPushToProviderErrors(t *testing.T) {
	outcome := json.RawMessage(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid",` +
		`"diagnostics":"` + strings.Repeat("x", 1<<20) + `"}]}`)
	for _, test := range []struct {
		err digime.Error
		is  error
	}{
		{digime.Error{Code: digime.CodeProviderRefused, Status: 422, Message: "refused", Outcome: outcome},
			digime.ErrProviderRefused},
		{digime.Error{Code: digime.CodeProviderRefused, Status: 502, Message: "no path"}, digime.ErrProviderRefused},
		{digime.Error{Code: digime.CodeDeliveryUnknown, Status: 504, Message: "unknown"}, digime.ErrDeliveryUnknown},
		{digime.Error{Code: digime.CodeDeliveryExpired, Status: 502, Message: "expired"}, digime.ErrDeliveryExpired},
		{digime.Error{Code: digime.CodeServiceAuthorization, Status: 511, Message: "ended"},
			digime.ErrServiceAuthorization},
		// The server does not send this once it has accepted a resource, and it must not lead to a second push.
		{digime.Error{Code: digime.CodeInvalidToken, Status: 401, Message: "expired"}, digime.ErrInvalidToken},
	} {
		l := start(t)
		l.FailNext(digimetest.EndpointPushToProvider, refuseDelivery(test.err))
		_, err := l.writer(t).PushToProvider(t.Context(), "2_provider", digime.STU3, []byte(bundle))
		var e *digime.Error
		var d *digime.DeliveryError
		if !errors.Is(err, test.is) || !errors.As(err, &e) || !errors.As(err, &d) {
			t.Errorf("error %v, want %v", err, test.is)
			continue
		}
		if e.Status != test.err.Status || !bytes.Equal(e.Outcome, test.err.Outcome) || d.ID != "delivery1" ||
			!strings.Contains(err.Error(), "delivery1") {
			t.Errorf("%d, %d bytes of outcome, delivery %q: %v", e.Status, len(e.Outcome), d.ID, err)
		}
		if n := l.count(digimetest.EndpointPushToProvider) + l.count(digimetest.EndpointToken); n != 1 {
			t.Errorf("%v: %d requests", test.is, n)
		}
	}
}

func TestPushToProviderNotRetried(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	for _, failure := range []digimetest.Failure{
		digimetest.Status(503), digimetest.Status(429, "Retry-After", "1"), digimetest.CloseConnection(),
	} {
		before := l.count(digimetest.EndpointPushToProvider)
		l.FailNext(digimetest.EndpointPushToProvider, failure)
		var d *digime.DeliveryError
		_, err := user.PushToProvider(t.Context(), "2_provider", digime.STU3, []byte(bundle))
		if err == nil || errors.As(err, &d) || l.count(digimetest.EndpointPushToProvider) != before+1 {
			t.Errorf("sent again, or taken for accepted: %v", err)
		}
	}
}

// A provider may return as much as it was sent, and as much again, in a response and in an error.
func TestPushToProviderLongResponse(t *testing.T) {
	resource := []byte(`{"resourceType":"Binary","content":"` + strings.Repeat("A", 2<<20) + `"}`)
	long := json.RawMessage(`{"resourceType":"Binary","content":"` + strings.Repeat("A", 6<<20) + `"}`)
	l := start(t)
	user := l.writer(t)
	l.FailNext(digimetest.EndpointPushToProvider, respondDelivery(201, string(long)))
	response, err := user.PushToProvider(t.Context(), "2_provider", digime.STU3, resource)
	if err != nil || !bytes.Equal(response.Body, long) {
		t.Errorf("accepted: %d bytes of response, error %v", len(response.Body), err)
	}
	l.FailNext(digimetest.EndpointPushToProvider, refuseDelivery(digime.Error{
		Code: digime.CodeProviderRefused, Status: 422, Outcome: long,
	}))
	_, err = user.PushToProvider(t.Context(), "2_provider", digime.STU3, resource)
	var e *digime.Error
	if !errors.Is(err, digime.ErrProviderRefused) || !errors.As(err, &e) || !bytes.Equal(e.Outcome, long) {
		t.Errorf("refused: %v", err)
	}
	l.SetDelivery(digime.Delivery{ID: "delivery1", State: digime.DeliveryRefused, ProviderStatus: 422, Answer: long})
	d, err := user.WaitForDelivery(t.Context(), "delivery1")
	if !errors.Is(err, digime.ErrProviderRefused) || !errors.As(err, &e) || !bytes.Equal(e.Outcome, long) ||
		!bytes.Equal(d.Answer, long) {
		t.Errorf("refused later: %v", err)
	}
}

// A response that is lost is no reason to send the resource again: the caller learns that it was accepted.
func TestPushToProviderResponseLost(t *testing.T) {
	for name, failure := range map[string]digimetest.Failure{
		"cut":      respondJSON(200, `{"resourceType":`, "X-Delivery-Id", "delivery1", "Content-Length", "100"),
		"not JSON": respondDelivery(200, `{"resourceType":`),
		"a page":   respondDelivery(200, "<html>Welcome"),
		"too long": respondDelivery(200, `"`+strings.Repeat(" ", 5<<20)+`"`),
	} {
		l := start(t)
		l.FailNext(digimetest.EndpointPushToProvider, failure)
		got, err := l.writer(t).PushToProvider(t.Context(), "2_provider", digime.STU3, []byte(bundle))
		var d *digime.DeliveryError
		if !errors.As(err, &d) || d.ID != "delivery1" || !strings.Contains(err.Error(), "was accepted") ||
			!errors.Is(err, digime.ErrInvalidResponse) || got.DeliveryID != "delivery1" || !got.Delivered() {
			t.Errorf("%s: response %+v, error %v", name, got, err)
		}
		if n := l.count(digimetest.EndpointPushToProvider); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

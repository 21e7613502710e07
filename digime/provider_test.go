package digime_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

const bundle = `{"resourceType":"Bundle","type":"batch","value":72.50}`

// A push goes out once, as it was given, and once more after its token was refreshed.
func TestPushToProvider(t *testing.T) {
	l := start(t)
	var kept []digime.UserAccessToken
	user := l.user(t, l.Write, digime.OnTokenChange(func(_ context.Context, token digime.UserAccessToken) error {
		kept = append(kept, token)
		return nil
	}))
	l.expire(user.Token())
	answer, err := user.PushToProvider(t.Context(), "13_y", digime.STU3, json.RawMessage(bundle))
	if err != nil || answer.Status != 201 || !answer.Delivered() || answer.DeliveryID != "delivery1" || !strings.Contains(string(answer.Body), `"Bundle"`) {
		t.Errorf("answer %+v, error %v", answer, err)
	}
	if len(kept) != 1 || !kept[0].AccessToken.Value.Equal(user.Token().AccessToken.Value) {
		t.Errorf("the hook was called %d times", len(kept))
	}
	r := l.seen("/fhir/stu3")
	if len(r) != 2 || r[1].path != "/v1.7/permission-access/import/h:accountId/fhir/stu3" || string(r[1].body) != bundle || r[1].header.Get("accountId") != "13_y" {
		t.Errorf("requests %+v", r)
	}
	if r[0].claims.Nonce == r[1].claims.Nonce {
		t.Error("the same signature was used twice")
	}
	if _, err := user.PushToProvider(t.Context(), "11_x", digime.STU3, json.RawMessage(bundle)); !errors.Is(err, digime.ErrNotFound) {
		t.Errorf("another account: error %v", err)
	}
}

// All the ways to hand over a resource send the same.
func TestPushToProviderTakes(t *testing.T) {
	type weight struct {
		Type  string      `json:"resourceType"`
		Value json.Number `json:"value"`
	}
	const want = `{"resourceType":"Observation","value":72.50}`
	l := start(t)
	user := l.user(t, l.Write)
	for name, resource := range map[string]any{
		"bytes": []byte(want), "raw": json.RawMessage(want), "reader": strings.NewReader(want), "buffer": bytes.NewBufferString(want),
		"struct": weight{"Observation", "72.50"}, "pointer": &weight{"Observation", "72.50"},
		"map": map[string]any{"resourceType": "Observation", "value": json.Number("72.50")}, "marshaler": marshaler(want),
	} {
		if _, err := user.PushToProvider(t.Context(), "13_y", "3.0.2", resource); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	sent := l.seen("/fhir/3.0.2")
	if len(sent) != 8 {
		t.Errorf("%d requests", len(sent))
	}
	for _, r := range sent {
		if string(r.body) != want {
			t.Errorf("sent %s", r.body)
		}
	}
}

type marshaler string

func (m marshaler) MarshalJSON() ([]byte, error) { return []byte(m), nil }
func (m marshaler) Read([]byte) (int, error)     { return 0, errors.New("read though it marshals") }

func TestPushToProviderRefuses(t *testing.T) {
	l := start(t)
	user := l.user(t, l.Write)
	large := `{"resourceType":"Binary","content":"` + strings.Repeat("A", 10<<20) + `"}`
	failed := errors.New("disk failed")
	for want, push := range map[string]func() (digime.ProviderAnswer, error){
		"no account":                      pushing(user, "", digime.STU3, []byte(bundle)),
		`FHIR version "" is neither`:      pushing(user, "13_y", "", []byte(bundle)),
		`FHIR version "../x" is neither`:  pushing(user, "13_y", "../x", []byte(bundle)),
		"no resource":                     pushing(user, "13_y", digime.STU3, nil),
		"is not JSON":                     pushing(user, "13_y", digime.STU3, []byte(`{`)),
		"resource is not JSON":            pushing(user, "13_y", digime.STU3, []byte{}),
		"is no JSON object":               pushing(user, "13_y", digime.STU3, bundle), // a string
		"the resource is no JSON object":  pushing(user, "13_y", digime.STU3, []byte(` ["resourceType"]`)),
		`has no "resourceType"`:           pushing(user, "13_y", digime.STU3, struct{ ResourceType string }{"Patient"}),
		`resource has no "resourceType"`:  pushing(user, "13_y", digime.STU3, []byte(`{"resourceType":7}`)),
		"is larger than 10485760 bytes":   pushing(user, "13_y", digime.STU3, []byte(large)),
		"larger than 10485760 bytes":      pushing(user, "13_y", digime.STU3, endless{}),
		"unsupported type: func()":        pushing(user, "13_y", digime.STU3, map[string]any{"resourceType": func() {}}),
		"the resource: " + failed.Error(): pushing(user, "13_y", digime.STU3, iotest.ErrReader(failed)),
	} {
		if answer, err := push(); err == nil || !strings.Contains(err.Error(), want) || answer.Status != 0 {
			t.Errorf("answer %+v, error %v, want %q", answer, err, want)
		}
	}
	if n := len(l.seen("/fhir/stu3")); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func pushing(user *digime.User, account digime.AccountID, version digime.FHIRVersion, resource any) func() (digime.ProviderAnswer, error) {
	return func() (digime.ProviderAnswer, error) {
		return user.PushToProvider(context.Background(), account, version, resource)
	}
}

// endless is a file that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// What the server says of a delivery, and what the caller learns of it.
func TestPushToProviderAnswers(t *testing.T) {
	delivery := &wire.Delivery{ID: "delivery1", State: "waiting"}
	for _, test := range []struct {
		name      string
		answer    http.HandlerFunc
		body      string
		delivered bool
	}{
		{"the provider's own words", answering(200, json.RawMessage(`{"resourceType":"Bundle","type":"batch-response"}`)), `{"resourceType":"Bundle","type":"batch-response"}`, true},
		{"none of its own", answering(201, wire.PushAnswer{Status: wire.PushDelivered, Delivery: delivery}), "", true},
		{"nothing at all", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "", true},
		{"on its way", answering(202, wire.PushAnswer{Status: wire.PushAccepted, Delivery: delivery}), "", false},
		{"words like the server's", answering(200, json.RawMessage(`{"delivery":{"id":"another"}}`)), `{"delivery":{"id":"another"}}`, true},
	} {
		l := start(t)
		l.provider = test.answer
		answer, err := l.user(t, l.Write).PushToProvider(t.Context(), "13_y", digime.STU3, []byte(bundle))
		if err != nil || string(answer.Body) != test.body || answer.Delivered() != test.delivered || answer.DeliveryID != "delivery1" {
			t.Errorf("%s: %+v %s, error %v", test.name, answer, answer.Body, err)
		}
	}
}

func answering(code int, v any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		writeJSON(w, v)
	}
}

// Errors say which kind they are, which delivery they are about, and what the provider
// said. Nothing is sent a second time.
func TestPushToProviderErrors(t *testing.T) {
	outcome := json.RawMessage(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"invalid","diagnostics":"` + strings.Repeat("x", 1<<20) + `"}]}`)
	for _, test := range []struct {
		err    *wire.Error
		status int
		is     error
	}{
		{wire.ProviderRefused(422, "the status is not known", outcome), 422, digime.ErrProviderRefused},
		{wire.ProviderRefused(404, "no such path", nil), 502, digime.ErrProviderRefused},
		{wire.DeliveryUnknown("the connection broke"), 504, digime.ErrDeliveryUnknown},
		{wire.DeliveryExpired("it took too long"), 502, digime.ErrDeliveryExpired},
		{wire.ServiceAuthorization(), 511, digime.ErrServiceAuthorization},
		{&wire.Error{Code: wire.CodeInvalidToken, Status: 401, Message: "not the server's to say, once it has kept something"}, 401, digime.ErrInvalidToken},
	} {
		l := start(t)
		l.provider = func(w http.ResponseWriter, _ *http.Request) { writeError(w, test.err) }
		_, err := l.user(t, l.Write).PushToProvider(t.Context(), "13_y", digime.STU3, []byte(bundle))
		var e *digime.Error
		var d *digime.DeliveryError
		if !errors.Is(err, test.is) || !errors.As(err, &e) || !errors.As(err, &d) {
			t.Errorf("error %v, want %v", err, test.is)
			continue
		}
		if e.Status != test.status || !bytes.Equal(e.Outcome, test.err.Outcome) || d.ID != "delivery1" || !strings.Contains(err.Error(), "delivery1") {
			t.Errorf("%d, %d bytes of outcome, delivery %q: %v", e.Status, len(e.Outcome), d.ID, err)
		}
		if n := len(l.seen("/fhir/stu3")) + len(l.seen("oauth/token")); n != 1 {
			t.Errorf("%v: %d requests", test.is, n)
		}
	}

	l := start(t)
	user := l.user(t, l.Write)
	for _, answer := range []func(http.ResponseWriter){status(503), status(429, "Retry-After", "1"), hangUp} {
		before := len(l.seen("stu3"))
		l.answerOnce("stu3", answer)
		var d *digime.DeliveryError
		if _, err := user.PushToProvider(t.Context(), "13_y", digime.STU3, []byte(bundle)); err == nil || errors.As(err, &d) || len(l.seen("stu3")) != before+1 {
			t.Errorf("sent again, or hidden, or taken for kept: %v", err)
		}
	}
}

// A provider may give back as much as it was sent, and twice that, wherever its answer is.
func TestPushToProviderLongAnswer(t *testing.T) {
	resource := []byte(`{"resourceType":"Binary","content":"` + strings.Repeat("A", 2<<20) + `"}`)
	long := json.RawMessage(`{"resourceType":"Binary","content":"` + strings.Repeat("A", 6<<20) + `"}`)
	l := start(t)
	user := l.user(t, l.Write)
	l.provider = answering(201, long)
	if answer, err := user.PushToProvider(t.Context(), "13_y", digime.STU3, resource); err != nil || !bytes.Equal(answer.Body, long) {
		t.Errorf("taken: %d bytes of answer, error %v", len(answer.Body), err)
	}
	l.provider = func(w http.ResponseWriter, _ *http.Request) { writeError(w, wire.ProviderRefused(422, "why", long)) }
	_, err := user.PushToProvider(t.Context(), "13_y", digime.STU3, resource)
	var e *digime.Error
	if !errors.Is(err, digime.ErrProviderRefused) || !errors.As(err, &e) || !bytes.Equal(e.Outcome, long) {
		t.Errorf("refused: %v", err)
	}
	l.deliveries = map[string][]wire.Delivery{"delivery1": {{ID: "delivery1", State: "refused", ProviderStatus: 422, Answer: long}}}
	d, err := user.WaitForDelivery(t.Context(), "delivery1")
	if !errors.Is(err, digime.ErrProviderRefused) || !errors.As(err, &e) || !bytes.Equal(e.Outcome, long) || !bytes.Equal(d.Answer, long) {
		t.Errorf("refused later: %v", err)
	}
}

// An answer that is lost on its way is no reason to send the resource again: the caller
// learns that it has been taken.
func TestPushToProviderAnswerLost(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"resourceType":`)
		},
		"a page": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Welcome") },
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `"%s"`, strings.Repeat(" ", 5<<20))
		},
	} {
		l := start(t)
		l.provider = answer
		got, err := l.user(t, l.Write).PushToProvider(t.Context(), "13_y", digime.STU3, []byte(bundle))
		var d *digime.DeliveryError
		if !errors.As(err, &d) || d.ID != "delivery1" || !strings.Contains(err.Error(), "it has been taken") || got.DeliveryID != "delivery1" || !got.Delivered() {
			t.Errorf("%s: answer %+v, error %v", name, got, err)
		}
		if n := len(l.seen("stu3")); n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

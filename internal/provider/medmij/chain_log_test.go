package medmij

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestChainLog makes all requests, with success and with failure. The log has the steps
// with their attributes, and no secret or content.
func TestChainLog(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	var errs []error
	for _, good := range []bool{true, false} {
		w.handle(grantTokens(good), takeResource(good))
		_, err1 := n.AuthorizationURL(t.Context(), authorizationParams())
		_, err2 := n.Exchange(t.Context(), authorizationParams(), seal.SecretOf(plantedCode))
		_, err3 := n.RefreshTokens(t.Context(), key53, seal.SecretOf(plantedRefresh), correlationID)
		o := n.Send(t.Context(), key53, sendRequest())
		errs = append(errs, err1, err2, err3, errors.New(o.Reason))
	}
	w.handle(func(rw http.ResponseWriter, r *http.Request) { time.Sleep(300 * time.Millisecond) },
		func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(500) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := n.Exchange(ctx, authorizationParams(), seal.SecretOf(plantedCode))
	errs = append(errs, err, errors.New(n.Send(t.Context(), key53, sendRequest()).Reason))
	for _, oauthError := range []string{"access_denied", plantedCode} {
		errs = append(errs, n.AuthorizationError(t.Context(), authorizationParams(), oauthError))
	}

	t.Run("secrets", func(t *testing.T) {
		everything := w.chain.String() + w.log.String() + fmt.Sprint(errs)
		for _, planted := range []string{plantedState, plantedCode, plantedToken, plantedRefresh, plantedContent,
			"planted", "BEGIN"} {
			if strings.Contains(everything, planted) {
				t.Errorf("%s occurs in:\n%s", planted, everything)
			}
		}
	})
	records := readChainLog(t, w.chain.String())
	t.Run("attributes", func(t *testing.T) {
		for _, r := range records {
			r.check(t)
		}
	})
	t.Run("steps", func(t *testing.T) {
		var steps []string
		for _, r := range records {
			steps = append(steps, r.step())
		}
		want := []string{
			"send_authorization_request", "receive_authorization_response",
			"send_token_request authorization_code", "receive_token_response 200",
			"send_token_request refresh_token", "receive_token_response 200",
			"send_resource_request", "receive_resource_response 200",
			"send_authorization_request", "receive_authorization_response",
			"send_token_request authorization_code", "receive_token_request_error 400 invalid_grant",
			"send_token_request refresh_token", "receive_token_request_error 400 invalid_grant",
			"send_resource_request", "receive_resource_request_error 401 invalid_token",
			"receive_authorization_response", "send_token_request authorization_code",
			"receive_token_error_response temporarily_unavailable",
			"send_resource_request", "receive_resource_error_response 500 other",
			"receive_authorization_response access_denied", "receive_authorization_response other",
		}
		if strings.Join(steps, "\n") != strings.Join(want, "\n") {
			t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(steps, "\n"), strings.Join(want, "\n"))
		}
	})
	t.Run("trace ids", func(t *testing.T) {
		traces := map[string][]string{}
		for _, r := range records {
			if r.Request != nil {
				traces[r.TraceID] = append(traces[r.TraceID], r.Type)
			}
		}
		for trace, types := range traces {
			if len(types) > 1 && types[0] != "send_authorization_request" {
				t.Errorf("%s is the id of %q", trace, types)
			}
		}
	})
}

// grantTokens returns a token endpoint that gives tokens, or refuses to.
func grantTokens(good bool) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if !good {
			rw.WriteHeader(400)
			_, _ = io.WriteString(rw, `{"error":"invalid_grant","error_description":"planted-code planted-content"}`)
			return
		}
		_, _ = io.WriteString(rw,
			`{"access_token":"planted-token","token_type":"Bearer","refresh_token":"planted-refresh"}`)
	}
}

// takeResource returns a FHIR endpoint that files what it gets, or takes no token.
func takeResource(good bool) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if !good {
			rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="planted-token"`)
			rw.WriteHeader(401)
			_, _ = io.WriteString(rw, `{"resourceType":"OperationOutcome","text":"planted-content"}`)
			return
		}
		_, _ = io.WriteString(rw,
			`{"resourceType":"Bundle","type":"batch-response",`+
				`"entry":[{"response":{"status":"201"},"resource":{"x":"planted-content"}}]}`)
	}
}

// chainRecord is a line of the chain log.
type chainRecord struct {
	Type, Location, Datetime string
	SessionID                string `json:"session_id"`
	TraceID                  string `json:"trace_id"`
	Request                  map[string]string
	Response                 map[string]any
	Error                    map[string]string

	names []string // of all attributes
}

func readChainLog(t *testing.T, log string) (records []chainRecord) {
	t.Helper()
	for line := range strings.Lines(log) {
		var all map[string]any
		var r chainRecord
		if err := errors.Join(json.Unmarshal([]byte(line), &all), json.Unmarshal([]byte(line), &r)); err != nil {
			t.Fatal(err)
		}
		r.names = slices.Collect(maps.Keys(all))
		records = append(records, r)
	}
	return records
}

// check checks that a record has the attributes of the Logging interface, and no others.
func (r *chainRecord) check(t *testing.T) {
	t.Helper()
	for _, name := range r.names {
		if !strings.Contains(" time level msg type location datetime session_id trace_id request response error ",
			" "+name+" ") {
			t.Errorf("the attribute %s is not of the Logging interface", name)
		}
	}
	if _, err := time.Parse(time.RFC3339, r.Datetime); err != nil || r.Location != testClientID ||
		r.SessionID != correlationID {
		t.Errorf("%+v", r)
	}
	if r.Request != nil && (r.Request["client_id"] != testClientID ||
		r.Request["provider_id"] != "huisartslinde@medmij" || r.Request["service_id"] != "53" ||
		r.Request["server_id"] == "" || r.Request["uri"] == "" || r.Request["id"] != r.TraceID) {
		t.Errorf("%+v", r)
	}
}

// step returns the type of a record with its status, error and grant type.
func (r *chainRecord) step() string {
	step := r.Type
	if r.Response != nil {
		step += fmt.Sprintf(" %v", r.Response["status"])
	}
	if r.Error != nil {
		step += " " + r.Error["code"]
	}
	if r.Request != nil {
		step += " " + r.Request["grant_type"]
	}
	return strings.TrimSpace(step)
}

// A person's no is the only error of an authorization that means a refusal. No error repeats what
// the browser brought.
func TestAuthorizationError(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t).newUpdatedNetwork()
	err := n.AuthorizationError(t.Context(), authorizationParams(), "access_denied")
	if !errors.Is(err, delivery.ErrProviderRefused) {
		t.Errorf("access_denied: %v", err)
	}
	err = n.AuthorizationError(t.Context(), authorizationParams(), plantedCode)
	if err == nil || errors.Is(err, delivery.ErrProviderRefused) || strings.Contains(err.Error(), plantedCode) {
		t.Errorf("another error: %v", err)
	}
}

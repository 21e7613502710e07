package medmij

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/seal"
)

func TestDepart(t *testing.T) {
	n := newWorld(t).fresh()
	address, err := n.AuthorizationURL(t.Context(), departure())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != "https://login.example.nl/authorize" {
		t.Errorf("goes to %s", got)
	}
	q := u.Query()
	id := q.Get("MedMij-Request-ID")
	if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 4 {
		t.Errorf("MedMij-Request-ID is %q", id)
	}
	q.Del("MedMij-Request-ID")
	want := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {"https://medmij.example.nl/return"},
		"scope": {"huisartslinde~53"}, "state": {plantedState}, "X-Correlation-ID": {run},
	}
	if q.Encode() != want.Encode() {
		t.Errorf("parameters %s, want %s", q.Encode(), want.Encode())
	}
	if !strings.Contains(u.RawQuery, "scope=huisartslinde~53") {
		t.Errorf("the scope is written as in %s", u.RawQuery)
	}
	other := departure()
	other.State = seal.SecretOf("another state")
	if address, _ := n.AuthorizationURL(t.Context(), other); strings.Contains(address, id) {
		t.Error("two trips with one MedMij-Request-ID")
	}
	for _, key := range []delivery.ProviderKey{"medmij:huisartslinde~57", "medmij:nobody~53", "medmij:huisartslinde", "medmij:", "smart:x"} {
		d := departure()
		d.Provider = key
		if _, err := n.AuthorizationURL(t.Context(), d); !errors.Is(err, delivery.ErrProviderGone) {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := n.Exchange(t.Context(), d, seal.SecretOf("x")); !errors.Is(err, delivery.ErrProviderGone) {
			t.Errorf("%s: %v", key, err)
		}
		if _, err := n.RefreshTokens(t.Context(), key, seal.SecretOf("x"), run); !errors.Is(err, delivery.ErrProviderGone) {
			t.Errorf("%s: %v", key, err)
		}
		if o := n.Send(t.Context(), key, sending()); o.Kind != delivery.OutcomeNotFiled {
			t.Errorf("%s: %+v", key, o)
		}
	}
}

// checkCall checks what every request of the backchannel has, and counts the ids.
func checkCall(t *testing.T, r *http.Request, seen map[string]bool) {
	t.Helper()
	id := r.Header.Get("MedMij-Request-ID")
	if _, err := uuid.Parse(id); err != nil || seen[id] {
		t.Errorf("MedMij-Request-ID %q, seen before: %v", id, seen[id])
	}
	seen[id] = true
	if got := r.Header.Get("X-Correlation-ID"); got != run {
		t.Errorf("X-Correlation-ID is %q", got)
	}
	if name := r.TLS.PeerCertificates[0].DNSNames; len(name) != 1 || name[0] != client {
		t.Errorf("the certificate is that of %q", name)
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" {
		t.Errorf("%s %s", r.Method, r.URL)
	}
}

func TestToken(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.config.Now = func() time.Time { return now }
	n := w.fresh()
	seen := map[string]bool{}
	var form url.Values
	w.on(func(rw http.ResponseWriter, r *http.Request) {
		checkCall(t, r, seen)
		if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Authorization") != "" || r.Header.Get("Accept") != "application/json" {
			t.Errorf("header %v", r.Header)
		}
		body, _ := io.ReadAll(r.Body)
		form, _ = url.ParseQuery(string(body))
		fmt.Fprintf(rw, `{"access_token":%q,"token_type":"bearer","expires_in":600,"refresh_token":%q,"scope":"53","more":{}}`, plantedToken, plantedRefresh)
	}, nil)
	a, err := n.Exchange(t.Context(), departure(), seal.SecretOf(plantedCode))
	if err != nil || a.Access.Reveal() != plantedToken || a.Refresh.Reveal() != plantedRefresh || !a.ExpiresAt.Equal(now.Add(10*time.Minute)) {
		t.Errorf("%q %q %v, %v", a.Access.Reveal(), a.Refresh.Reveal(), a.ExpiresAt, err)
	}
	want := url.Values{
		"grant_type": {"authorization_code"}, "code": {plantedCode}, "client_id": {client},
		"redirect_uri": {"https://medmij.example.nl/return"},
	}
	if form.Encode() != want.Encode() {
		t.Errorf("form %s, want %s", form.Encode(), want.Encode())
	}
	if _, err := n.RefreshTokens(t.Context(), key53, seal.SecretOf(plantedRefresh), run); err != nil {
		t.Error(err)
	}
	want = url.Values{"grant_type": {"refresh_token"}, "refresh_token": {plantedRefresh}, "client_id": {client}}
	if form.Encode() != want.Encode() {
		t.Errorf("form %s, want %s", form.Encode(), want.Encode())
	}
	if len(seen) != 2 {
		t.Errorf("%d ids for two requests", len(seen))
	}
}

func TestTokenAnswers(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.config.Now = func() time.Time { return now }
	n := w.fresh()
	for what, tt := range map[string]struct {
		status      int
		body        string
		code, renew error         // which errors they are, besides being errors
		life        time.Duration // if they are none
		noRefresh   bool          // among what was given
	}{
		"good":                {200, `{"access_token":"t","token_type":"Bearer","expires_in":900,"refresh_token":"r"}`, nil, nil, 15 * time.Minute, false},
		"no life":             {200, `{"access_token":"t","token_type":"BEARER"}`, nil, nil, 15 * time.Minute, true},
		"a life in a text":    {200, `{"access_token":"t","token_type":"BEARER","expires_in":"60"}`, nil, nil, time.Minute, true},
		"a life for ever":     {200, `{"access_token":"t","token_type":"Bearer","expires_in":9000000000000000000}`, nil, nil, 366 * 24 * time.Hour, true},
		"a life of nothing":   {200, `{"access_token":"t","token_type":"Bearer","expires_in":0}`, nil, nil, 0, false},
		"a negative life":     {200, `{"access_token":"t","token_type":"Bearer","expires_in":-1}`, nil, nil, 0, false},
		"half a life":         {200, `{"access_token":"t","token_type":"Bearer","expires_in":1.5}`, nil, nil, 0, false},
		"no type":             {200, `{"access_token":"t","expires_in":900}`, nil, nil, 0, false},
		"another type":        {200, `{"access_token":"t","token_type":"mac","expires_in":900}`, nil, nil, 0, false},
		"no token":            {200, `{"token_type":"Bearer","expires_in":900}`, nil, nil, 0, false},
		"a token with spaces": {200, `{"access_token":"a b","token_type":"Bearer","expires_in":900}`, nil, nil, 0, false},
		"a token with lines":  {200, `{"access_token":"a\r\nX: y","token_type":"Bearer","expires_in":900}`, nil, nil, 0, false},
		"a long token":        {200, `{"access_token":"` + strings.Repeat("a", 1<<17) + `","token_type":"Bearer"}`, nil, nil, 0, false},
		"not JSON":            {200, `access_token=planted-token`, nil, nil, 0, false},
		"a list":              {200, `[]`, nil, nil, 0, false},
		"nothing":             {200, ``, nil, nil, 0, false},
		"too long":            {200, `{"x":"` + strings.Repeat("a", 1<<20) + `"}`, nil, nil, 0, false},
		"created":             {201, `{"access_token":"t","token_type":"Bearer","expires_in":900}`, nil, nil, 0, false},
		"a redirect":          {302, ``, nil, nil, 0, false},
		"invalid_grant":       {400, `{"error":"invalid_grant","error_description":"planted-code"}`, delivery.ErrProviderRefused, delivery.ErrReconnect, 0, false},
		"invalid_grant, 401":  {401, `{"error":"invalid_grant"}`, delivery.ErrProviderRefused, delivery.ErrReconnect, 0, false},
		"invalid_grant, 500":  {500, `{"error":"invalid_grant"}`, nil, nil, 0, false},
		"invalid_client":      {401, `{"error":"invalid_client"}`, nil, nil, 0, false},
		"invalid_request":     {400, `{"error":"invalid_request","error_description":"planted-code"}`, nil, nil, 0, false},
		"an odd error":        {400, `{"error":"planted-code"}`, nil, nil, 0, false},
		"an error, no JSON":   {400, `planted-code`, nil, nil, 0, false},
		"a fault":             {500, `planted-code`, nil, nil, 0, false},
		"busy":                {503, ``, nil, nil, 0, false},
	} {
		t.Run(what, func(t *testing.T) {
			var calls atomic.Int32
			w.on(func(rw http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				rw.Header().Set("Location", "/elsewhere")
				rw.WriteHeader(tt.status)
				_, _ = io.WriteString(rw, tt.body)
			}, nil)
			returned, err1 := n.Exchange(t.Context(), departure(), seal.SecretOf(plantedCode))
			renewed, err2 := n.RefreshTokens(t.Context(), key53, seal.SecretOf(plantedRefresh), run)
			if calls.Load() != 2 {
				t.Errorf("%d calls", calls.Load())
			}
			if tt.life > 0 {
				if err1 != nil || err2 != nil || !returned.ExpiresAt.Equal(now.Add(tt.life)) || returned.Access.Reveal() != "t" {
					t.Errorf("%v, %v, expires %v", err1, err2, returned.ExpiresAt)
				}
				if renewed.Refresh.IsZero() != tt.noRefresh || returned.Refresh.IsZero() != tt.noRefresh {
					t.Errorf("refresh tokens %q and %q, want none: %v", returned.Refresh.Reveal(), renewed.Refresh.Reveal(), tt.noRefresh)
				}
				return
			}
			for _, x := range []struct{ err, want, other error }{{err1, tt.code, delivery.ErrReconnect}, {err2, tt.renew, delivery.ErrProviderRefused}} {
				if x.err == nil || x.want != nil && !errors.Is(x.err, x.want) || errors.Is(x.err, x.other) || x.want == nil && (errors.Is(x.err, delivery.ErrProviderRefused) || errors.Is(x.err, delivery.ErrReconnect)) {
					t.Errorf("%v, want %v", x.err, x.want)
				}
				if x.err != nil && strings.Contains(x.err.Error(), "planted") {
					t.Errorf("the error repeats what came: %v", x.err)
				}
			}
		})
	}
}

func TestSend(t *testing.T) {
	w := newWorld(t)
	n := w.fresh()
	seen := map[string]bool{}
	w.on(nil, func(rw http.ResponseWriter, r *http.Request) {
		checkCall(t, r, seen)
		for name, want := range map[string]string{
			"Authorization": "Bearer " + plantedToken, "Accept": "application/fhir+json",
			"Content-Type": "application/fhir+json", "Prefer": "return=representation",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/fhir":
			if string(body) != string(sending().Resource.Body) {
				t.Errorf("body %s", body)
			}
			_, _ = io.WriteString(rw, `{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201"}}]}`)
		case "/fhir/Observation":
			rw.WriteHeader(http.StatusCreated)
		}
	})
	if o := n.Send(t.Context(), key53, sending()); o.Kind != delivery.OutcomeDelivered || o.Status != 200 || len(o.Answer) == 0 {
		t.Errorf("%+v", o)
	}
	one := sending()
	one.Resource.Path, one.Resource.Body = "Observation", []byte(`{"resourceType":"Observation"}`)
	if o := n.Send(t.Context(), key53, one); o.Kind != delivery.OutcomeDelivered || o.Status != 201 {
		t.Errorf("%+v", o)
	}
	if len(seen) != 2 {
		t.Errorf("%d ids for two requests", len(seen))
	}
	r4 := sending()
	r4.Resource.Version = fhir.R4
	if o := n.Send(t.Context(), key53, r4); o.Kind != delivery.OutcomeRefused || len(seen) != 2 {
		t.Errorf("R4: %+v", o)
	}

	// The whitelist counts at the time of the call.
	w.stelsel.put(whlXML(11, "other.example.nl"))
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := n.Send(t.Context(), key53, sending()); o.Kind != delivery.OutcomeNotFiled || !strings.Contains(o.Reason, "whitelist") || len(seen) != 2 {
		t.Errorf("off the whitelist: %+v", o)
	}
	if _, err := n.RefreshTokens(t.Context(), key53, seal.SecretOf("x"), run); !errors.Is(err, delivery.ErrProviderGone) {
		t.Errorf("off the whitelist: %v", err)
	}
	w.stelsel.put(zal2XML(11), whlXML(12, "localhost"))
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o := n.Send(t.Context(), key53, sending()); o.Kind != delivery.OutcomeNotFiled || !strings.Contains(o.Reason, "not on MedMij's list") {
		t.Errorf("off the list: %+v", o)
	}
}

// TestTheirRefusal: with a certificate that providers do not take, nothing is filed, and
// the reason says why.
func TestTheirRefusal(t *testing.T) {
	other := providertest.NewCA(t, "PKI of somebody else")
	for what, issue := range map[string]func(w *world) ([]byte, []byte){
		"expired": func(w *world) ([]byte, []byte) {
			return w.ca.Issue(t, providertest.Leaf{Hosts: []string{client}, Expired: true})
		},
		"of another authority": func(*world) ([]byte, []byte) { return other.Issue(t, providertest.Leaf{Hosts: []string{client}}) },
	} {
		w := newWorld(t)
		w.config.Certificate, w.config.Key = issue(w)
		n := w.fresh()
		if o := n.Send(t.Context(), key53, sending()); o.Kind != delivery.OutcomeNotFiled || !strings.Contains(o.Reason, "does not take our certificate") {
			t.Errorf("%s: %+v", what, o)
		}
		if _, err := n.Exchange(t.Context(), departure(), seal.SecretOf(plantedCode)); err == nil || !strings.Contains(err.Error(), "does not take our certificate") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestChainLog runs through it all, well and badly, and looks at the log: it has the
// steps with their attributes, and nothing that was planted.
func TestChainLog(t *testing.T) {
	w := newWorld(t)
	n := w.fresh()
	good := true
	w.on(func(rw http.ResponseWriter, r *http.Request) {
		if !good {
			rw.WriteHeader(400)
			_, _ = io.WriteString(rw, `{"error":"invalid_grant","error_description":"planted-code planted-content"}`)
			return
		}
		_, _ = io.WriteString(rw, `{"access_token":"planted-token","token_type":"Bearer","refresh_token":"planted-refresh"}`)
	}, func(rw http.ResponseWriter, r *http.Request) {
		if !good {
			rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="planted-token"`)
			rw.WriteHeader(401)
			_, _ = io.WriteString(rw, `{"resourceType":"OperationOutcome","text":"planted-content"}`)
			return
		}
		_, _ = io.WriteString(rw, `{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"201"},"resource":{"x":"planted-content"}}]}`)
	})
	var errs []error
	for _, good = range []bool{true, false} {
		_, err1 := n.AuthorizationURL(t.Context(), departure())
		_, err2 := n.Exchange(t.Context(), departure(), seal.SecretOf(plantedCode))
		_, err3 := n.RefreshTokens(t.Context(), key53, seal.SecretOf(plantedRefresh), run)
		o := n.Send(t.Context(), key53, sending())
		errs = append(errs, err1, err2, err3, errors.New(o.Reason))
	}
	w.on(func(rw http.ResponseWriter, r *http.Request) { time.Sleep(300 * time.Millisecond) },
		func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(500) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := n.Exchange(ctx, departure(), seal.SecretOf(plantedCode))
	errs = append(errs, err, errors.New(n.Send(t.Context(), key53, sending()).Reason))

	everything := w.chain.String() + w.log.String() + fmt.Sprint(errs)
	for _, planted := range []string{plantedState, plantedCode, plantedToken, plantedRefresh, plantedContent, "planted", "BEGIN"} {
		if strings.Contains(everything, planted) {
			t.Errorf("%s shows in:\n%s", planted, everything)
		}
	}

	if err := n.AuthorizationError(t.Context(), departure(), "access_denied"); !errors.Is(err, delivery.ErrProviderRefused) {
		t.Errorf("a no: %v", err)
	}
	if err := n.AuthorizationError(t.Context(), departure(), plantedCode); err == nil || errors.Is(err, delivery.ErrProviderRefused) || strings.Contains(err.Error(), plantedCode) {
		t.Errorf("another error: %v", err)
	}

	type record struct {
		Type, Location, Datetime string
		SessionID                string `json:"session_id"`
		TraceID                  string `json:"trace_id"`
		Request                  map[string]string
		Response                 map[string]any
		Error                    map[string]string
	}
	var steps []string
	traces := map[string][]string{}
	for line := range strings.Lines(w.chain.String()) {
		var all map[string]any
		var r record
		if err := errors.Join(json.Unmarshal([]byte(line), &all), json.Unmarshal([]byte(line), &r)); err != nil {
			t.Fatal(err)
		}
		for name := range all {
			if !strings.Contains(" time level msg type location datetime session_id trace_id request response error ", " "+name+" ") {
				t.Errorf("the attribute %s is not of the Logging interface", name)
			}
		}
		if _, err := time.Parse(time.RFC3339, r.Datetime); err != nil || r.Location != client || r.SessionID != run {
			t.Errorf("%+v", r)
		}
		step := r.Type
		if r.Response != nil {
			step += fmt.Sprintf(" %v", r.Response["status"])
		}
		if r.Error != nil {
			step += " " + r.Error["code"]
		}
		if r.Request != nil {
			traces[r.TraceID] = append(traces[r.TraceID], r.Type)
			if r.Request["client_id"] != client || r.Request["provider_id"] != "huisartslinde@medmij" || r.Request["service_id"] != "53" || r.Request["server_id"] == "" || r.Request["uri"] == "" || r.Request["id"] != r.TraceID {
				t.Errorf("%+v", r)
			}
			step += " " + r.Request["grant_type"]
		}
		steps = append(steps, strings.TrimSpace(step))
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
		"receive_authorization_response", "send_token_request authorization_code", "receive_token_error_response temporarily_unavailable",
		"send_resource_request", "receive_resource_error_response 500 other",
		"receive_authorization_response access_denied", "receive_authorization_response other",
	}
	if strings.Join(steps, "\n") != strings.Join(want, "\n") {
		t.Errorf("steps:\n%s\nwant:\n%s", strings.Join(steps, "\n"), strings.Join(want, "\n"))
	}
	for trace, types := range traces {
		if len(types) > 1 && types[0] != "send_authorization_request" {
			t.Errorf("%s is the id of %q", trace, types)
		}
	}
}

package digime_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

func TestAuthorizeSendsAllOptions(t *testing.T) {
	l := start(t)
	auth, err := l.write(t).Authorize(t.Context(), digime.AuthorizeOptions{
		RedirectURL: l.RedirectURL + "?mine=1", SourceID: 101, Locale: "nl",
		SampleDataSet: "adult", SampleDataAutoOnboard: true, IncludeSampleDataOnlySources: true, SkipFetch: true,
		SourcesScope: digime.SourcesScope{
			DataType: []string{"medication-information", "vaccinations"}, OrganizationType: "hospital",
		},
		Session: digime.SessionOptions{SkipFetch: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(auth.URL, l.URL+"/apps/saas/authorize?code=") {
		t.Errorf("URL %s", auth.URL)
	}
	// As the Node SDK writes it, byte for byte: decoded once, it is still encoded.
	const scope = "sourcesScope=%257B%2522dataType%2522%253A%255B%2522medication-information%2522%252C%2522" +
		"vaccinations%2522%255D%252C%2522organizationType%2522%253A%2522hospital%2522%257D"
	if !strings.Contains(u.RawQuery, scope) {
		t.Errorf("query %s", u.RawQuery)
	}
	query := u.Query()
	for name, want := range map[string]string{
		"sourceType": "pull", "service": "101", "sampleDataSet": "adult", "sampleDataAutoOnboard": "true", "lng": "nl",
		"includeSampleDataOnlySources": "true", "triggerQuery": "false",
	} {
		if got := query.Get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	body := string(l.Requests(digimetest.EndpointAuthorize)[0].Body)
	if !strings.Contains(body, `"actions":{"pull":{"sourceFetch":false}}`) {
		t.Errorf("authorize was sent %s", body)
	}
	if auth.Session.Key.IsZero() || auth.Session.Expiry.IsZero() || len(auth.Verifier.Reveal()) != 43 ||
		auth.State == "" {
		t.Error("session, verifier or state is missing")
	}
}

func TestAuthorizeOmitsZeroOptions(t *testing.T) {
	l := start(t)
	auth, err := l.write(t).Authorize(t.Context(), digime.AuthorizeOptions{
		RedirectURL: l.RedirectURL, SourceType: digime.SourcePush,
	})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(auth.URL)
	if query := u.Query(); len(query) != 2 || query.Get("sourceType") != "push" {
		t.Errorf("query %v, want code and sourceType alone", query)
	}
	if body := string(l.Requests(digimetest.EndpointAuthorize)[0].Body); strings.Contains(body, "actions") {
		t.Errorf("authorize was sent %s", body)
	}
}

func TestAuthorizeRefusesWrongOptions(t *testing.T) {
	l := start(t)
	contract := l.write(t)
	for name, test := range map[string]struct {
		options digime.AuthorizeOptions
		want    string
	}{
		"no redirect URL":       {digime.AuthorizeOptions{}, "not an absolute URL"},
		"relative redirect URL": {digime.AuthorizeOptions{RedirectURL: "/callback"}, "not an absolute URL"},
		"source type":           {digime.AuthorizeOptions{RedirectURL: l.RedirectURL, SourceType: "both"}, "neither"},
		"auto onboard": {digime.AuthorizeOptions{RedirectURL: l.RedirectURL, SampleDataAutoOnboard: true},
			"without SampleDataSet"},
	} {
		_, err := contract.Authorize(t.Context(), test.options)
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, digime.ErrValidation) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	if l.count("") != 0 {
		t.Error("something was sent")
	}
	_, err := contract.Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: "https://evil.example/"})
	if !errors.Is(err, digime.ErrInvalidRedirectURI) || !strings.Contains(err.Error(), "InvalidRedirectUri") {
		t.Errorf("error %v is not ErrInvalidRedirectURI", err)
	}
}

func TestAuthorizationMarshals(t *testing.T) {
	auth := digime.Authorization{
		URL: "u", State: "s", Verifier: digime.NewSecret("v"),
		Session: digime.SessionKey{Key: digime.NewSecret("k"), Expiry: time.Unix(1, 0).UTC()},
	}
	const want = `{"url":"u","state":"s","verifier":"v","session":{"key":"k","expiry":"1970-01-01T00:00:01Z"}}`
	text, err := json.Marshal(auth)
	if err != nil || string(text) != want {
		t.Fatalf("%s, error %v", text, err)
	}
	var back digime.Authorization
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, auth) {
		t.Errorf("%s, error %v", text, err)
	}
	for _, text := range []string{"null", "{}", `{"session":{}}`, `{"session":null}`} {
		if err := json.Unmarshal([]byte(text), &back); err != nil || !reflect.DeepEqual(back, auth) {
			t.Errorf("%s changes it, error %v", text, err)
		}
	}
	for _, text := range []string{`[]`, `{"verifier":1}`, `{"session":{"key":1}}`, `{"session":{"expiry":"soon"}}`} {
		if err := json.Unmarshal([]byte(text), &back); err == nil {
			t.Errorf("%s was accepted", text)
		}
	}
}

package digime_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
)

func TestParseCallback(t *testing.T) {
	auth := digime.Authorization{State: "s", Verifier: digime.NewSecret("v")}
	query := url.Values{"success": {"true"}, "code": {"abc"}, "state": {"s"}, "accountReference": {"r"}, "mine": {"1"}}
	back, err := auth.ParseCallback(query)
	if err != nil || back.Code.Reveal() != "abc" || back.Verifier.Reveal() != "v" || back.AccountReference != "r" {
		t.Errorf("%+v, error %v", back, err)
	}
	for name, test := range map[string]struct {
		query string
		code  digime.CallbackErrorCode
		text  string
	}{
		"cancelled":      {"success=false&errorCode=USER_CANCEL", digime.CallbackUserCancel, "refused or left"},
		"unknown code":   {"success=false&errorCode=NEW_ONE", "NEW_ONE", "NEW_ONE"},
		"no code":        {"success=false", "", "failed"},
		"a broken query": {"success=false&errorCode=a%0Ab", "a\nb", `a\nb`},
	} {
		query, _ := url.ParseQuery(test.query + "&state=s")
		back, err := auth.ParseCallback(query)
		var failed *digime.CallbackError
		if !errors.As(err, &failed) || failed.Code != test.code || !back.Code.IsZero() ||
			!strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %+v, error %v", name, back, err)
		}
	}
	var failed *digime.CallbackError
	_, err = auth.ParseCallback(url.Values{"state": {"s"}})
	if !errors.Is(err, digime.ErrValidation) || errors.As(err, &failed) || errors.Is(err, digime.ErrStateMismatch) {
		t.Errorf("a query of no page: error %v", err)
	}
}

// The code of one server is not sent to another.
func TestParseCallbackComparesIssuer(t *testing.T) {
	auth := digime.Authorization{URL: "https://carrel.example/apps/saas/authorize?code=x", State: "s"}
	for _, good := range []string{
		"", "&iss=https%3A%2F%2Fcarrel.example", "&iss=https%3A%2F%2FCARREL.example%3A443%2F", "&mine=1",
	} {
		query, _ := url.ParseQuery("success=true&code=c&state=s" + good)
		if back, err := auth.ParseCallback(query); err != nil || back.Code.Reveal() != "c" {
			t.Errorf("%q: error %v", good, err)
		}
	}
	for _, wrong := range []string{
		"iss=https%3A%2F%2Fother.example", "iss=http%3A%2F%2Fcarrel.example", "iss=https%3A%2F%2Fcarrel.example%3A444",
		"iss=", "iss=carrel.example", "iss=%3A", "iss=https%3A%2F%2Fcarrel.example&iss=https%3A%2F%2Fother.example",
		"iss=https%3A%2F%2Fcarrel.example.other.example",
	} {
		for _, result := range []string{"&success=true&code=c", "&success=false&errorCode=USER_CANCEL"} {
			query, _ := url.ParseQuery(wrong + result + "&state=s")
			back, err := auth.ParseCallback(query)
			if !errors.Is(err, digime.ErrIssuerMismatch) || !errors.Is(err, digime.ErrValidation) ||
				!back.Code.IsZero() {
				t.Errorf("%s%s: %+v, error %v", wrong, result, back, err)
			}
		}
	}
}

// Nobody can send a browser to the callback with a code of their own.
func TestParseCallbackComparesState(t *testing.T) {
	auth := digime.Authorization{State: "s", Verifier: digime.NewSecret("v")}
	for name, query := range map[string]string{
		"no state":          "success=true&code=c",
		"another state":     "success=true&code=c&state=S",
		"an empty state":    "success=true&code=c&state=",
		"two states":        "success=true&code=c&state=s&state=s",
		"a longer state":    "success=true&code=c&state=ss",
		"another's failure": "success=false&errorCode=USER_CANCEL&state=x",
	} {
		values, _ := url.ParseQuery(query)
		back, err := auth.ParseCallback(values)
		if !errors.Is(err, digime.ErrStateMismatch) || !errors.Is(err, digime.ErrValidation) || !back.Code.IsZero() {
			t.Errorf("%s: %+v, error %v", name, back, err)
		}
	}
	// An authorisation that was not stored has no state, which must not match that of the query.
	for _, query := range []string{"success=true&code=c", "success=true&code=c&state="} {
		values, _ := url.ParseQuery(query)
		if _, err := (digime.Authorization{}).ParseCallback(values); !errors.Is(err, digime.ErrValidation) {
			t.Errorf("%s without an authorisation: error %v", query, err)
		}
	}
}

// A handler of another process can answer, with the authorisation from the person's session.
func TestParseCallbackOfStoredAuthorization(t *testing.T) {
	l := start(t)
	contract := l.write(t)
	auth, err := contract.Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: l.RedirectURL + "?mine=1"})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(auth)
	if err != nil {
		t.Fatal(err)
	}
	var restored digime.Authorization
	if err := json.Unmarshal(stored, &restored); err != nil {
		t.Fatal(err)
	}
	back, err := l.Allow(restored.URL)
	if err != nil {
		t.Fatal(err)
	}
	if back.Query().Get("mine") != "1" {
		t.Errorf("the redirect URL has lost its query: %s", back)
	}
	callback, err := restored.ParseCallback(back.Query())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := contract.Exchange(t.Context(), callback); err != nil {
		t.Error(err)
	}
}

func TestParseRevokeCallback(t *testing.T) {
	if err := digime.ParseRevokeCallback(url.Values{"result": {"success"}}); err != nil {
		t.Error(err)
	}
	for name, test := range map[string]struct {
		query string
		code  digime.CallbackErrorCode
		text  string
	}{
		"failed":  {"result=failed&error_message=no+way", "", "no way"},
		"refused": {"result=failed&error_message=USER_CANCEL", digime.CallbackUserCancel, "refused or left"},
	} {
		query, _ := url.ParseQuery(test.query)
		var failed *digime.CallbackError
		err := digime.ParseRevokeCallback(query)
		if !errors.As(err, &failed) || failed.Code != test.code || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := digime.ParseRevokeCallback(nil); !errors.Is(err, digime.ErrValidation) {
		t.Errorf("a query of no page: error %v", err)
	}
}

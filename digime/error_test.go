package digime_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

func TestErrors(t *testing.T) {
	bad := digime.Error{Message: "the server answered 400 Bad Request", Status: 400}
	for _, test := range []struct {
		name    string
		failure digimetest.Failure
		want    digime.Error
	}{
		{"a body", respondJSON(404, `{"error":{"code":"NotFound","message":"account not found","reference":"ref"}}`),
			digime.Error{Code: "NotFound", Message: "account not found", Reference: "ref", Status: 404}},
		{"a body over headers",
			respondJSON(404, `{"error":{"code":"NotFound","message":"m"}}`, "X-Error-Code", "Other"),
			digime.Error{Code: "NotFound", Message: "m", Status: 404}},
		{"headers alone", respondJSON(403, ``, "X-Error-Code", "InsufficientScope",
			"X-Error-Message", "na%C3%AFve", "X-Error-Reference", "ref"),
			digime.Error{Code: "InsufficientScope", Message: "naïve", Reference: "ref", Status: 403}},
		{"the storage's shape", respondJSON(404, `{"error":"NotFound","message":"no such file"}`),
			digime.Error{Code: "NotFound", Message: "no such file", Status: 404}},
		{"a proxy's page", respondJSON(400, `<html>Bad`), bad},
		{"a wrong shape", respondJSON(400, `{"error":17}`), bad},
		{"an endless body", respondJSON(400, strings.Repeat("x", 1<<20)), bad},
		{"when to come back", respondJSON(400, `{}`, "Retry-After", "9"),
			digime.Error{Message: "the server answered 400 Bad Request", Status: 400, RetryAfter: 9 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := start(t)
			l.FailNext(digimetest.EndpointAccounts, test.failure)
			_, err := l.reader(t).ListAccounts(t.Context())
			var e *digime.Error
			if !errors.As(err, &e) || !reflect.DeepEqual(*e, test.want) {
				t.Errorf("error %+v, want %+v", e, test.want)
			}
			if !strings.HasPrefix(err.Error(), "list accounts: GET permission-access/accounts: ") {
				t.Errorf("error %q does not say what was tried", err)
			}
		})
	}
}

// Each response that is not the server's, and each that asks to come back later, can be found with errors.Is.
func TestErrorsWithoutCode(t *testing.T) {
	l := start(t)
	user := l.writer(t)
	for name, test := range map[string]struct {
		failure              digimetest.Failure
		unavailable, invalid bool
		text                 string
	}{
		"a proxy is busy": {digimetest.Status(503), true, true, "(503)"},
		"the server is busy": {digimetest.Refuse(digime.Error{Code: digime.CodeServerBusy, Status: 503}),
			true, false, "(503 ServerBusy)"},
		"too many requests": {digimetest.Refuse(digime.Error{Code: digime.CodeTooManyRequests, Status: 429}),
			true, false, "(429 TooManyRequests)"},
		"no space":         {digimetest.Refuse(digime.Error{Code: "StorageFull", Status: 507}), true, false, "(507 StorageFull)"},
		"no room":          {digimetest.QuotaExceeded(), false, false, "(507 QuotaExceeded)"},
		"a redirect":       {digimetest.Status(302, "Location", "https://login.example/"), false, true, "(302)"},
		"a login page":     {digimetest.LoginPage(), false, true, ""},
		"a network":        {digimetest.Status(511), false, true, "(511)"},
		"a firewall":       {respondJSON(403, "<html>Forbidden"), false, true, "(403)"},
		"the server's own": {respondJSON(403, `{"error":{"code":"InsufficientScope"}}`), false, false, "Scope)"},
	} {
		l.FailNext(digimetest.EndpointPush, test.failure)
		err := user.Push(t.Context(), digime.PushInput{
			Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1",
		})
		if err == nil || errors.Is(err, digime.ErrUnavailable) != test.unavailable ||
			errors.Is(err, digime.ErrInvalidResponse) != test.invalid || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: error %v", name, err)
		}
		if errors.Is(err, digime.ErrQuotaExceeded) != (name == "no room") {
			t.Errorf("%s: error %v, for the quota", name, err)
		}
	}
}

// Servers repeat what they were sent, including tokens. Errors do not.
func TestErrorsHideSecrets(t *testing.T) {
	l := start(t)
	token := l.Token(l.ReadContract)
	user := l.read(t).User(token)
	session := user.ResumeSession(digime.SessionKey{Key: digime.NewSecret("secret-session")})
	repeat := func(text string) digimetest.Failure {
		return digimetest.Refuse(digime.Error{
			Code: digime.CodeValidationErrors, Status: 400, Message: "token " + text + " is bad",
		})
	}
	access, refresh := token.AccessToken.Value.Reveal(), token.RefreshToken.Value.Reveal()

	l.FailNext(digimetest.EndpointAccounts, repeat(access))
	_, err := user.ListAccounts(t.Context())
	hides(t, err, access)
	l.FailNext(digimetest.EndpointToken, repeat(refresh))
	_, err = l.read(t).Refresh(t.Context(), token)
	hides(t, err, refresh)
	l.FailNext(digimetest.EndpointToken, repeat("secret-code and secret-verifier"))
	_, err = l.read(t).Exchange(t.Context(), digime.Callback{
		Code: digime.NewSecret("secret-code"), Verifier: digime.NewSecret("secret-verifier"),
	})
	hides(t, err, "secret-code", "secret-verifier")
	l.FailNext(digimetest.EndpointFiles, repeat("secret-session"))
	_, err = session.ListFiles(t.Context())
	hides(t, err, "secret-session")
	l.Close()
	_, err = session.ListFiles(t.Context())
	hides(t, err, "secret-session")
}

func hides(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, s := range secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("error %q repeats %q", err, s)
		}
	}
}

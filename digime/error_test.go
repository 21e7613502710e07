package digime_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

func TestErrors(t *testing.T) {
	body := func(code int, text string, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			status(code, header...)(w)
			_, _ = w.Write([]byte(text))
		}
	}
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   digime.Error
	}{
		{"a body", body(404, `{"error":{"code":"NotFound","message":"account not found","reference":"ref"}}`),
			digime.Error{Code: "NotFound", Message: "account not found", Reference: "ref", Status: 404}},
		{"a body over headers", body(404, `{"error":{"code":"NotFound","message":"m"}}`, "X-Error-Code", "Other"),
			digime.Error{Code: "NotFound", Message: "m", Status: 404}},
		{"headers alone", body(403, ``, "X-Error-Code", "InsufficientScope", "X-Error-Message", "na%C3%AFve", "X-Error-Reference", "ref"),
			digime.Error{Code: "InsufficientScope", Message: "naïve", Reference: "ref", Status: 403}},
		{"the storage's shape", body(404, `{"error":"NotFound","message":"no such file"}`),
			digime.Error{Code: "NotFound", Message: "no such file", Status: 404}},
		{"a proxy's page", body(400, `<html>Bad`), digime.Error{Message: "the server answered 400 Bad Request", Status: 400}},
		{"a wrong shape", body(400, `{"error":17}`), digime.Error{Message: "the server answered 400 Bad Request", Status: 400}},
		{"an endless body", body(400, strings.Repeat("x", 1<<20)), digime.Error{Message: "the server answered 400 Bad Request", Status: 400}},
		{"when to come back", body(400, `{}`, "Retry-After", "9"),
			digime.Error{Message: "the server answered 400 Bad Request", Status: 400, RetryAfter: 9 * time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := start(t)
			l.answerOnce("accounts", test.answer)
			_, err := l.user(t, l.Read).ReadAccounts(t.Context())
			var e *digime.Error
			if !errors.As(err, &e) || e.Code != test.want.Code || e.Message != test.want.Message || e.Reference != test.want.Reference ||
				e.Status != test.want.Status || e.RetryAfter != test.want.RetryAfter {
				t.Errorf("error %+v, want %+v", e, test.want)
			}
			if !strings.HasPrefix(err.Error(), "read accounts: GET permission-access/accounts: ") {
				t.Errorf("error %q does not say what was tried", err)
			}
		})
	}
}

func TestAnswersThatAreNot(t *testing.T) {
	l := start(t)
	user := l.user(t, l.Read)
	for name, answer := range map[string]string{
		"a page":   `<html>Welcome`,
		"cut":      `[{"id":"1"`,
		"a number": `[{"createdDate":"soon"}]`,
		"too long": `[` + strings.Repeat(" ", 5<<20) + `]`,
	} {
		l.answerOnce("accounts", func(w http.ResponseWriter) { _, _ = w.Write([]byte(answer)) })
		before := len(l.seen("accounts"))
		if _, err := user.ReadAccounts(t.Context()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if n := len(l.seen("accounts")) - before; n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	l.answerOnce("accounts", status(200)) // an empty answer is allowed
	if accounts, err := user.ReadAccounts(t.Context()); err != nil || accounts != nil {
		t.Errorf("empty: %v, error %v", accounts, err)
	}
}

// Servers repeat what they were sent, tokens included; our errors do not.
func TestErrorsHideSecrets(t *testing.T) {
	l := start(t)
	token := l.token(l.Read)
	user := l.client(t).User(l.Read.parse(t), token)
	session := user.OpenSession(digime.SessionKey{Key: digime.NewSecret("secret-session")})
	repeat := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { writeError(w, wire.Validation("token "+text+" is bad")) }
	}
	access, refresh := token.AccessToken.Value.Reveal(), token.RefreshToken.Value.Reveal()

	l.answerOnce("accounts", repeat(access))
	_, err := user.ReadAccounts(t.Context())
	hides(t, err, access)
	l.answerOnce("oauth/token", repeat(refresh))
	_, err = l.client(t).Refresh(t.Context(), l.Read.parse(t), token)
	hides(t, err, refresh)
	l.answerOnce("oauth/token", repeat("secret-code and secret-verifier"))
	_, err = l.client(t).Exchange(t.Context(), l.Read.parse(t), digime.NewSecret("secret-code"), digime.NewSecret("secret-verifier"))
	hides(t, err, "secret-code", "secret-verifier")
	l.answerOnce("secret-session", repeat("secret-session"))
	_, err = session.FileList(t.Context())
	hides(t, err, "secret-session")
	l.Close()
	_, err = session.FileList(t.Context())
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

package digime_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
	"github.com/carrelhq/carrel/digime/wire"
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
		"no space": {digimetest.Refuse(digime.Error{Code: "StorageFull", Status: 507}),
			true, false, "(507 StorageFull)"},
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

// Each error of the protocol keeps its code, message, status and time to wait, in both forms of the protocol, and has a
// variable for errors.Is. A new code of package wire needs a line here.
func TestErrorsOfTheProtocol(t *testing.T) {
	table := map[wire.ErrorCode]struct {
		status int
		kind   error
	}{
		wire.CodeInvalidRedirectURI:         {400, digime.ErrInvalidRedirectURI},
		wire.CodeInvalidToken:               {400, digime.ErrInvalidToken},
		wire.CodeInvalidClient:              {401, digime.ErrInvalidClient},
		wire.CodeInsufficientScope:          {403, digime.ErrInsufficientScope},
		wire.CodeSDKInvalid:                 {403, digime.ErrSDKInvalid},
		wire.CodeSDKVersionInvalid:          {403, digime.ErrSDKVersionInvalid},
		wire.CodeScopeOutOfBounds:           {403, digime.ErrScopeOutOfBounds},
		wire.CodeInvalidContractDataRequest: {400, digime.ErrInvalidContractDataRequest},
		wire.CodeValidationErrors:           {400, digime.ErrValidation},
		wire.CodeInvalidRequest:             {406, digime.ErrReplayed},
		wire.CodeNotFound:                   {404, digime.ErrNotFound},
		wire.CodePayloadTooLarge:            {413, digime.ErrTooLarge},
		wire.CodeTooManyRequests:            {429, digime.ErrTooManyRequests},
		wire.CodeServiceAuthorization:       {409, digime.ErrServiceAuthorization},
		wire.CodeProviderRefused:            {422, digime.ErrProviderRefused},
		wire.CodeDeliveryUnknown:            {504, digime.ErrDeliveryUnknown},
		wire.CodeDeliveryExpired:            {504, digime.ErrDeliveryExpired},
		wire.CodeServerBusy:                 {503, digime.ErrServerBusy},
		wire.CodeStorageFull:                {507, digime.ErrStorageFull},
		wire.CodeUnauthorized:               {401, digime.ErrUnauthorized},
		wire.CodeQuotaExceeded:              {507, digime.ErrQuotaExceeded},
		wire.CodeInternal:                   {500, digime.ErrInternal},
	}
	for _, code := range codesOfWire(t) {
		if _, ok := table[code]; !ok {
			t.Errorf("there is no line for %s", code)
		}
	}
	l := start(t)
	k := l.write(t)
	s := k.Storage(l.AddStorage())
	for code, test := range table {
		message := "what is wrong: naïve " + string(code)
		forms := map[string]struct {
			endpoint digimetest.Endpoint
			body     any
			header   []string
			call     func() error
			ref      string
		}{
			"body": {digimetest.EndpointPush, map[string]any{
				"error": map[string]string{"code": string(code), "message": message, "reference": "ref"},
			}, nil, func() error { return pushError(t, l) }, "ref"},
			"header": {digimetest.EndpointPush, nil, []string{"X-Error-Code", string(code),
				"X-Error-Message", url.PathEscape(message), "X-Error-Reference", "ref"},
				func() error { return pushError(t, l) }, "ref"},
			"file storage": {digimetest.EndpointStorageFile,
				wire.CloudError{Error: string(code), Message: message}, nil,
				func() error { return s.Upload(t.Context(), "f", strings.NewReader("x")) }, ""},
		}
		for form, f := range forms {
			text := []byte{}
			if f.body != nil {
				text, _ = json.Marshal(f.body)
			}
			l.FailNext(f.endpoint, respondJSON(test.status, string(text), append(f.header, "Retry-After", "7")...))
			err := f.call()
			var e *digime.Error
			want := digime.Error{Code: digime.ErrorCode(code), Message: message, Reference: f.ref,
				Status: test.status, RetryAfter: 7 * time.Second}
			if !errors.As(err, &e) || !reflect.DeepEqual(*e, want) || !errors.Is(err, test.kind) {
				t.Errorf("%s, %s: error %+v, want %+v and %v", code, form, e, want, test.kind)
			}
			for other, o := range table {
				if other != code && errors.Is(err, o.kind) {
					t.Errorf("%s, %s: the error is also that of %s", code, form, other)
				}
			}
		}
	}
}

func pushError(t *testing.T, l testLibrary) error {
	t.Helper()
	return l.writer(t).Push(t.Context(), digime.PushInput{
		Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1",
	})
}

// codesOfWire returns the values of the constants of type wire.ErrorCode, from their source.
func codesOfWire(t *testing.T) (codes []wire.ErrorCode) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "wire/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "ErrorCode" {
			value, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			codes = append(codes, wire.ErrorCode(value))
		}
		return true
	})
	if len(codes) < 22 {
		t.Fatalf("found only %d codes", len(codes))
	}
	return codes
}

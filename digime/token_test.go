package digime_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
)

// JSON with other names is not a token; null changes nothing; a zero token can be stored.
func TestUserAccessTokenIncompleteJSON(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"AccessToken":"x"}`, `{"access_token":"x"}`, `{"accessToken":{}}`, `{"accessToken":{"value":null}}`,
	} {
		var token digime.UserAccessToken
		err := json.Unmarshal([]byte(text), &token)
		if !errors.Is(err, digime.ErrValidation) || !strings.Contains(err.Error(), "user access token") {
			t.Errorf("%s: error %v", text, err)
		}
	}
	token := digime.UserAccessToken{AccessToken: digime.Token{Value: digime.NewSecret("a")}}
	if err := json.Unmarshal([]byte("null"), &token); err != nil || token.AccessToken.Value.Reveal() != "a" {
		t.Errorf("null: %s, error %v", token.AccessToken.Value.Reveal(), err)
	}
	stored, err := json.Marshal(digime.UserAccessToken{})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stored, &token); err != nil || !reflect.ValueOf(token).IsZero() {
		t.Errorf("zero: %v, error %v", token, err)
	}
}

func TestTokenMarshals(t *testing.T) {
	token := digime.Token{Value: digime.NewSecret("a"), Expiry: time.Unix(1, 0).UTC()}
	const want = `{"Value":"a","Expiry":"1970-01-01T00:00:01Z"}`
	text, err := json.Marshal(token)
	if err != nil || string(text) != want {
		t.Fatalf("%s, error %v", text, err)
	}
	var back digime.Token
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, token) {
		t.Errorf("%s, error %v", text, err)
	}
	if err := json.Unmarshal([]byte(`{"Value":1}`), &back); err == nil || !reflect.DeepEqual(back, token) {
		t.Errorf("a number was accepted: %s", back)
	}
}

// A token without an access token is refused before anything is sent.
func TestTokenWithoutAccessToken(t *testing.T) {
	l, ctx := start(t), t.Context()
	for name, token := range map[string]digime.UserAccessToken{
		"zero": {}, "without the access token": {UserID: "person", AccessToken: digime.Token{Expiry: time.Now()}},
	} {
		user := l.read(t).User(token)
		_, list := user.ListAccounts(ctx)
		_, reauthorize := user.Reauthorize(ctx, digime.ReauthorizeOptions{RedirectURL: l.RedirectURL})
		_, onboard := user.OnboardService(ctx, digime.OnboardOptions{RedirectURL: l.RedirectURL})
		_, files := user.ResumeSession(sessionKey("key")).ListFiles(ctx)
		push := user.Push(ctx, digime.PushInput{Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1"})
		for _, err := range []error{list, reauthorize, onboard, files, push, user.Refresh(ctx)} {
			if !errors.Is(err, digime.ErrValidation) {
				t.Errorf("%s: error %v, want ErrValidation", name, err)
			}
		}
	}
	link := digime.UserAccessToken{UserID: "person"}
	_, err := l.read(t).Authorize(ctx, digime.AuthorizeOptions{RedirectURL: l.RedirectURL, Link: link})
	if !errors.Is(err, digime.ErrValidation) {
		t.Errorf("link: error %v, want ErrValidation", err)
	}
	if n := l.count(""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

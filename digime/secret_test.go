package digime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// A Secret does not marshal, by itself or in another value.
func TestSecretDoesNotMarshal(t *testing.T) {
	secret := digime.NewSecret("the-code")
	for _, value := range []any{secret, &secret, digime.Callback{Code: secret}, map[string]any{"x": secret}} {
		if text, err := json.Marshal(value); err == nil || strings.Contains(err.Error(), "the-code") {
			t.Errorf("%T marshals as %s, error %v", value, text, err)
		}
	}
	var callback digime.Callback
	if err := json.Unmarshal([]byte(`{"Code":"x"}`), &callback); err == nil {
		t.Error("a text unmarshals as a secret")
	}
}

// Nothing secret shows, however it is printed and whatever it is hidden in.
func TestMasks(t *testing.T) {
	l := start(t)
	contract := l.read(t)
	token := l.Token(l.ReadContract)
	user := contract.User(token)
	key, err := wire.ParsePrivateKey(l.ReadContract.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{
		token.AccessToken.Value.Reveal(), token.RefreshToken.Value.Reveal(), "the-key", "the-verifier", "the-code",
		key.D.String(), fmt.Sprintf("%x", key.D), key.Primes[0].String(),
	}
	session := user.ResumeSession(digime.SessionKey{Key: digime.NewSecret("the-key")})
	auth := digime.Authorization{Verifier: digime.NewSecret("the-verifier"), Session: session.Key()}
	type wrapped struct {
		token    digime.UserAccessToken
		contract digime.Contract
		auth     digime.Authorization
		secret   digime.Secret
	}
	for _, value := range []any{
		token, &token, token.AccessToken, token.AccessToken.Value, contract, *contract, user, session, session.Key(),
		auth, &auth,
		digime.Callback{Code: digime.NewSecret("the-code"), Verifier: digime.NewSecret("the-verifier")}, l.client(),
		wrapped{token, *contract, auth, digime.NewSecret("the-code")}, []any{token, user}, map[string]any{"x": token},
	} {
		var logged bytes.Buffer
		slog.New(slog.NewTextHandler(&logged, nil)).Info("text", "value", value)
		switch value.(type) {
		case []any, map[string]any: // what marshals with its secrets, does so in a list too
		default:
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("json", "value", value)
		}
		for _, text := range []string{
			fmt.Sprint(value), logged.String(),
			fmt.Sprintf("%v %+v %#v %s %q %x %d", value, value, value, value, value, value, value),
		} {
			for _, s := range secrets {
				if strings.Contains(text, s) || strings.Contains(text, fmt.Sprintf("%x", s)) {
					t.Errorf("%T shows a secret: %s", value, text)
				}
			}
		}
	}
	if got := fmt.Sprint(token.AccessToken); !strings.Contains(got, "[secret] until 20") {
		t.Errorf("a token prints as %q", got)
	}
}

// The JSON of the Node SDK, both ways, so that stored tokens can be taken along.
func TestUserAccessTokenJSON(t *testing.T) {
	const text = `{"accessToken":{"value":"a","expiry":1795586203},` +
		`"refreshToken":{"value":"r","expiry":1811051803},"user":{"id":"u"},"consentid":"c"}`
	var token digime.UserAccessToken
	if err := json.Unmarshal([]byte(text), &token); err != nil {
		t.Fatal(err)
	}
	if token.AccessToken.Value.Reveal() != "a" || !token.AccessToken.Expiry.Equal(time.Unix(1795586203, 0)) ||
		token.RefreshToken.Value.Reveal() != "r" ||
		token.UserID != "u" || token.ConsentID != "c" {
		t.Errorf("read as %v", token)
	}
	back, err := json.Marshal(token)
	if err != nil || string(back) != text {
		t.Errorf("written as %s, error %v", back, err)
	}
	// Older ones have neither user nor consent; new members may come.
	const older = `{"accessToken":{"value":"a","expiry":0},"refreshToken":{"value":"r","expiry":1},"new":1}`
	if err := json.Unmarshal([]byte(older), &token); err != nil {
		t.Error(err)
	}
	if !token.AccessToken.Expiry.IsZero() || token.UserID != "" {
		t.Errorf("read as %v", token)
	}
	for _, bad := range []string{`[]`, `{"accessToken":{"value":1}}`, `{"accessToken":{"value":"a","expiry":"soon"}}`} {
		if err := json.Unmarshal([]byte(bad), &token); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestSecret(t *testing.T) {
	a, b := digime.NewSecret("text"), digime.NewSecret("text")
	var zero digime.Secret
	if !a.Equal(b) || a.Equal(zero) || a.IsZero() || !digime.NewSecret("").IsZero() || zero.Reveal() != "" {
		t.Error("secrets do not compare by text")
	}
	if fmt.Sprintf("<%v>", digime.Secret{}) != "<>" {
		t.Error("an empty secret has a mask")
	}
}

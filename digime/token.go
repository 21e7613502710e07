package digime

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// UserAccessToken is what one person's consent to one contract gives to the application. Store it, encrypted if
// possible: it and the contract's key are all that is needed to use it. It marshals to the same JSON as the token of
// the Node SDK, so that an application can move from one SDK to the other with its stored tokens:
//
//	{"accessToken":{"value":…,"expiry":…},"refreshToken":{"value":…,"expiry":…},"user":{"id":…},"consentid":…}
//
// Do not embed it in a struct that is marshalled: the struct would inherit its MarshalJSON and UnmarshalJSON, and lose
// its other fields. Give it a field with a name.
type UserAccessToken struct {
	// AccessToken is what the calls present.
	AccessToken Token
	// RefreshToken is what a new access token is obtained with.
	RefreshToken Token
	// UserID identifies the person, for this application only. It stays the same over all of their consents.
	UserID UserID
	// ConsentID identifies the consent.
	ConsentID ConsentID
}

// Token is a secret that the server accepts for a limited time. It marshals to JSON, including its value.
type Token struct {
	// Value is the secret.
	Value Secret
	// Expiry is when the server stops accepting the token; zero if that is not known.
	Expiry time.Time
}

// check returns an error if there is no access token, as in a token that was read with other names of its fields.
func (t UserAccessToken) check() error {
	if t.AccessToken.Value.IsZero() {
		return invalid("the user access token has no access token")
	}
	return nil
}

type userAccessTokenJSON struct {
	AccessToken  tokenJSON `json:"accessToken"`
	RefreshToken tokenJSON `json:"refreshToken"`
	User         *userJSON `json:"user,omitempty"`
	ConsentID    ConsentID `json:"consentid,omitempty"`
}

type tokenJSON struct {
	Value  *string      `json:"value"` // nil only where it is missing in the JSON that is read
	Expiry wire.Seconds `json:"expiry"`
}

type userJSON struct {
	ID UserID `json:"id,omitempty"`
}

// MarshalJSON writes the token as the Node SDK does, including the secrets.
func (t UserAccessToken) MarshalJSON() ([]byte, error) {
	out := userAccessTokenJSON{
		AccessToken:  t.AccessToken.toJSON(),
		RefreshToken: t.RefreshToken.toJSON(),
		ConsentID:    t.ConsentID,
	}
	if t.UserID != "" {
		out.User = &userJSON{t.UserID}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads a token that MarshalJSON or the Node SDK has written. It returns an error that matches
// [ErrValidation] if the JSON has no accessToken.value. As usual, null changes nothing.
func (t *UserAccessToken) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var in userAccessTokenJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return invalid("read user access token: %w", err)
	}
	if in.AccessToken.Value == nil {
		return invalid("read user access token: the JSON has no accessToken.value")
	}
	*t = UserAccessToken{
		AccessToken:  in.AccessToken.token(),
		RefreshToken: in.RefreshToken.token(),
		ConsentID:    in.ConsentID,
	}
	if in.User != nil {
		t.UserID = in.User.ID
	}
	return nil
}

func (t Token) toJSON() tokenJSON {
	value := t.Value.Reveal()
	return tokenJSON{Value: &value, Expiry: secondsOf(t.Expiry)}
}

func (j tokenJSON) token() Token {
	if j.Value == nil {
		return newToken("", j.Expiry)
	}
	return newToken(*j.Value, j.Expiry)
}

func newToken(value string, expires wire.Seconds) Token {
	t := Token{Value: NewSecret(value)}
	if expires != 0 {
		t.Expiry = expires.Time()
	}
	return t
}

// storedToken is the JSON of a Token by itself, which is older than the one in a UserAccessToken.
type storedToken struct {
	Value  string
	Expiry time.Time
}

// MarshalJSON writes the token, including its value.
func (t Token) MarshalJSON() ([]byte, error) {
	return json.Marshal(storedToken{Value: t.Value.Reveal(), Expiry: t.Expiry})
}

// UnmarshalJSON reads what MarshalJSON has written. Missing members change nothing.
func (t *Token) UnmarshalJSON(data []byte) error {
	in := storedToken{Value: t.Value.Reveal(), Expiry: t.Expiry}
	if err := json.Unmarshal(data, &in); err != nil {
		return invalid("read token: %w", err)
	}
	*t = Token{Value: NewSecret(in.Value), Expiry: in.Expiry}
	return nil
}

// String returns the expiry and hides the value.
func (t Token) String() string {
	if t.Value.IsZero() {
		return "no token"
	}
	if t.Expiry.IsZero() {
		return mask
	}
	return mask + " until " + t.Expiry.UTC().Format(time.RFC3339)
}

// Format prints String for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, t.String()) }

// LogValue returns String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String returns the ids and the expiries, and hides the tokens.
func (t UserAccessToken) String() string {
	return fmt.Sprintf("consent %s of user %s, access token %s, refresh token %s",
		t.ConsentID, t.UserID, t.AccessToken, t.RefreshToken)
}

// Format prints String for every verb.
func (t UserAccessToken) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, t.String()) }

// LogValue returns a group of the ids and the expiries.
func (t UserAccessToken) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("consent", string(t.ConsentID)), slog.String("user", string(t.UserID)),
		slog.Time("accessTokenExpiry", t.AccessToken.Expiry), slog.Time("refreshTokenExpiry", t.RefreshToken.Expiry),
	)
}

// tokenOf returns the token that the claims of a response describe.
func tokenOf(c wire.TokenClaims) UserAccessToken {
	return UserAccessToken{
		AccessToken:  newToken(c.AccessToken.Value, c.AccessToken.ExpiresOn),
		RefreshToken: newToken(c.RefreshToken.Value, c.RefreshToken.ExpiresOn),
		UserID:       UserID(c.Subject),
		ConsentID:    ConsentID(c.ConsentID),
	}
}

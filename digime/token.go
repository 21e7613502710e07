package digime

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// UserAccessToken is what one person's consent to one contract allows. Store it,
// encrypted at best: who has it and the contract's key can use it. It marshals to
// the same JSON as the Node SDK's, so that an application can move from one to the
// other with the tokens it has:
//
//	{"accessToken":{"value":…,"expiry":…},"refreshToken":{"value":…,"expiry":…},"user":{"id":…},"consentid":…}
type UserAccessToken struct {
	AccessToken  Token
	RefreshToken Token
	// UserID is stable for this person and application, and says nothing to any
	// other application.
	UserID string
	// ConsentID names the consent.
	ConsentID string
}

// Token is one token and the time from which the server refuses it. In JSON the
// expiry is in Unix seconds.
type Token struct {
	Value  Secret
	Expiry time.Time
}

type userAccessTokenJSON struct {
	AccessToken  tokenJSON `json:"accessToken"`
	RefreshToken tokenJSON `json:"refreshToken"`
	User         *userJSON `json:"user,omitempty"`
	ConsentID    string    `json:"consentid,omitempty"`
}

type tokenJSON struct {
	Value  Secret       `json:"value"`
	Expiry wire.Seconds `json:"expiry"`
}

type userJSON struct {
	ID string `json:"id,omitempty"`
}

// MarshalJSON writes the token as the Node SDK does, secrets included.
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

// UnmarshalJSON reads what MarshalJSON or the Node SDK wrote.
func (t *UserAccessToken) UnmarshalJSON(data []byte) error {
	var in userAccessTokenJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("read user access token: %w", err)
	}
	*t = UserAccessToken{
		AccessToken:  newToken(in.AccessToken.Value.Reveal(), in.AccessToken.Expiry),
		RefreshToken: newToken(in.RefreshToken.Value.Reveal(), in.RefreshToken.Expiry),
		ConsentID:    in.ConsentID,
	}
	if in.User != nil {
		t.UserID = in.User.ID
	}
	return nil
}

func (t Token) toJSON() tokenJSON {
	out := tokenJSON{Value: t.Value}
	if !t.Expiry.IsZero() {
		out.Expiry = wire.SecondsOf(t.Expiry)
	}
	return out
}

func newToken(value string, expires wire.Seconds) Token {
	t := Token{Value: NewSecret(value)}
	if expires != 0 {
		t.Expiry = expires.Time()
	}
	return t
}

// String says when the token expires and hides its value.
func (t Token) String() string {
	if t.Value.IsZero() {
		return "no token"
	}
	if t.Expiry.IsZero() {
		return mask
	}
	return mask + " until " + t.Expiry.UTC().Format(time.RFC3339)
}

// Format prints String, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, t.String()) }

// LogValue is String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// String names the consent and hides the tokens.
func (t UserAccessToken) String() string {
	return fmt.Sprintf("consent %s of user %s, access token %s, refresh token %s", t.ConsentID, t.UserID, t.AccessToken, t.RefreshToken)
}

// Format prints String, whatever the verb.
func (t UserAccessToken) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, t.String()) }

// LogValue is a group of the consent, the user and the tokens' expiries.
func (t UserAccessToken) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("consent", t.ConsentID), slog.String("user", t.UserID),
		slog.Time("accessTokenExpiry", t.AccessToken.Expiry), slog.Time("refreshTokenExpiry", t.RefreshToken.Expiry),
	)
}

// tokenOf reads the server's answer to oauth/token.
func tokenOf(c wire.TokenClaims) UserAccessToken {
	return UserAccessToken{
		AccessToken:  newToken(c.AccessToken.Value, c.AccessToken.ExpiresOn),
		RefreshToken: newToken(c.RefreshToken.Value, c.RefreshToken.ExpiresOn),
		UserID:       c.Subject,
		ConsentID:    c.ConsentID,
	}
}

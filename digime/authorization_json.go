package digime

import (
	"encoding/json"
	"log/slog"
	"time"
)

type authorizationJSON struct {
	URL      string     `json:"url"`
	State    string     `json:"state"`
	Verifier string     `json:"verifier"`
	Session  SessionKey `json:"session"`
}

func (a Authorization) toJSON() authorizationJSON {
	return authorizationJSON{URL: a.URL, State: a.State, Verifier: a.Verifier.Reveal(), Session: a.Session}
}

// MarshalJSON writes the authorisation, including its secrets.
func (a Authorization) MarshalJSON() ([]byte, error) { return json.Marshal(a.toJSON()) }

// UnmarshalJSON reads what MarshalJSON has written. Missing members change nothing.
func (a *Authorization) UnmarshalJSON(data []byte) error {
	in := a.toJSON()
	if err := json.Unmarshal(data, &in); err != nil {
		return invalid("read authorization: %w", err)
	}
	*a = Authorization{URL: in.URL, State: in.State, Verifier: NewSecret(in.Verifier), Session: in.Session}
	return nil
}

// LogValue returns when the session ends, and nothing by which the authorisation could be completed.
func (a Authorization) LogValue() slog.Value { return a.Session.LogValue() }

type sessionKeyJSON struct {
	Key    string    `json:"key"`
	Expiry time.Time `json:"expiry"`
}

func (k SessionKey) toJSON() sessionKeyJSON {
	return sessionKeyJSON{Key: k.Key.Reveal(), Expiry: k.Expiry}
}

// MarshalJSON writes the key, including its secret.
func (k SessionKey) MarshalJSON() ([]byte, error) { return json.Marshal(k.toJSON()) }

// UnmarshalJSON reads what MarshalJSON has written. Missing members change nothing.
func (k *SessionKey) UnmarshalJSON(data []byte) error {
	in := k.toJSON()
	if err := json.Unmarshal(data, &in); err != nil {
		return invalid("read session key: %w", err)
	}
	*k = SessionKey{Key: NewSecret(in.Key), Expiry: in.Expiry}
	return nil
}

// LogValue returns when the session ends, without the key.
func (k SessionKey) LogValue() slog.Value {
	return slog.GroupValue(slog.Time("sessionExpiry", k.Expiry))
}

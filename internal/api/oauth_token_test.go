package api_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
)

func exchanging(k *carreltest.Grant) claims {
	return claims{"grant_type": "authorization_code", "code": k.Code, "code_verifier": carreltest.Verifier}
}

func refreshing(k *carreltest.Grant) claims {
	return claims{"grant_type": "refresh_token", "refresh_token": k.Refresh()}
}

// tokens reads what a call of oauth/token gave.
func (w *world) tokens(a answer) (wire.TokenClaims, error) {
	var signed struct{ Token string }
	var got wire.TokenClaims
	if a.StatusCode != 200 {
		return got, fmt.Errorf("%d %s", a.StatusCode, a.body)
	}
	if err := unmarshal(a.body, &signed); err != nil {
		return got, err
	}
	token, err := wire.ParseToken(signed.Token)
	if err != nil {
		return got, err
	}
	err = token.Peek(&got)
	w.Secrets.Plant(got.AccessToken.Value, got.RefreshToken.Value)
	return got, err
}

// A code is exchanged once, in time, by the contract that it is for, with the verifier
// of its challenge.
func TestExchangeRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.Person(), w.Person()
	old := anna.Consents(w.write)
	w.Clock.Moves(11 * time.Minute)
	fresh, used, ended := anna.Consents(w.write), anna.Consents(w.write), bram.Consents(w.write)
	if _, err := w.tokens(w.send(t, post("oauth/token", w.bearer(w.write, exchanging(used)), ""))); err != nil {
		t.Fatal(err)
	}
	bram.Stops(ended)
	link := wire.RandomAlphanumeric(43)
	code := func(code, verifier any) claims {
		return claims{"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
	}
	for _, tt := range []struct {
		name string
		by   *carreltest.Contract
		with claims
		want refusal
	}{
		{"no code", w.write, code(nil, carreltest.Verifier), noCode},
		{"an empty code", w.write, code("", carreltest.Verifier), noCode},
		{"a code with a NUL", w.write, code(fresh.Code+"\x00", carreltest.Verifier), noCode},
		{"unknown", w.write, code(wire.RandomAlphanumeric(43), carreltest.Verifier),
			invalid(wire.KindAuthorizationCode)},
		{"the link's code", w.write, code(link, carreltest.Verifier), invalid(wire.KindAuthorizationCode)},
		{"used", w.write, exchanging(used), invalid(wire.KindAuthorizationCode)},
		{"expired", w.write, exchanging(old), invalid(wire.KindAuthorizationCode)},
		{"of a revoked grant", w.write, exchanging(ended), invalid(wire.KindAuthorizationCode)},
		{"another contract's", w.second, exchanging(fresh), invalid(wire.KindAuthorizationCode)},
		{"another application's", w.foreign, exchanging(fresh), invalid(wire.KindAuthorizationCode)},
		{"no verifier", w.write, code(fresh.Code, nil), invalid(wire.KindCodeVerifier)},
		{"wrong verifier", w.write, code(fresh.Code, wire.RandomAlphanumeric(43)), invalid(wire.KindCodeVerifier)},
		{"the challenge for a verifier", w.write, code(fresh.Code, wire.Challenge(carreltest.Verifier)),
			invalid(wire.KindCodeVerifier)},
		{"no grant_type", w.write, claims{"code": fresh.Code, "code_verifier": carreltest.Verifier},
			bad("grant_type must be authorization_code or refresh_token")},
		{"password", w.write, claims{"grant_type": "password"},
			bad("grant_type must be authorization_code or refresh_token")},
		{"client credentials", w.write, claims{"grant_type": "client_credentials"},
			bad("grant_type must be authorization_code or refresh_token")},
		{"another case", w.write, claims{"grant_type": "Authorization_Code", "code": fresh.Code},
			bad("grant_type must be authorization_code or refresh_token")},
		{"grant_type a list", w.write, claims{"grant_type": []string{"refresh_token"}},
			badBearer(badClaims + "grant_type: want a string, got array")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// The second use of a code is noted for its person.
			w.Unchanged("a refused exchange", func() {
				w.refused(t, w.send(t, post("oauth/token", w.bearer(tt.by, tt.with), "")), tt.want)
			}, "events", "chains", "codes")
		})
	}
	got, err := w.tokens(w.send(t, post("oauth/token", w.bearer(w.write, exchanging(fresh)), "")))
	if err != nil {
		t.Fatalf("the code is good in spite of those who tried it: %v", err)
	}
	w.mustSend(t,
		get("permission-access/accounts", w.bearer(w.write, claims{"access_token": got.AccessToken.Value})), nil)
}

// A code that is exchanged many times at once gives tokens once.
func TestExchangeRace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	k := w.Person().Consents(w.read)
	var wait sync.WaitGroup
	statuses := make(chan int, 10)
	for range cap(statuses) {
		wait.Go(func() {
			a, err := w.try(t.Context(), post("oauth/token", w.bearer(w.read, exchanging(k)), ""))
			if err != nil {
				t.Error(err)
				return
			}
			statuses <- a.StatusCode
		})
	}
	wait.Wait()
	close(statuses)
	counts := map[int]int{}
	for s := range statuses {
		counts[s]++
	}
	if counts[200] != 1 || counts[401] != 9 || w.Rows("tokens") != 2 {
		t.Errorf("statuses %v and %d tokens", counts, w.Rows("tokens"))
	}
}

// A refresh token is worth something to its own contract, while it and its grant stand.
func TestRefreshRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.Person(), w.Person()
	old := anna.Allows(w.read)
	w.Clock.Moves(170 * 24 * time.Hour)
	good, ended := anna.Allows(w.read), bram.Allows(w.read) // the first renews the grant
	w.Clock.Moves(11 * 24 * time.Hour)
	bram.Stops(ended)
	for _, tt := range []struct {
		name  string
		by    *carreltest.Contract
		token any
		want  refusal
	}{
		{"none", w.read, nil, invalid(wire.KindRefreshToken)},
		{"unknown", w.read, wire.RandomAlphanumeric(43), invalid(wire.KindRefreshToken)},
		{"an access token", w.read, good.Token(), invalid(wire.KindRefreshToken)},
		{"another contract's", w.write, good.Refresh(), invalid(wire.KindRefreshToken)},
		{"another application's", w.foreign, good.Refresh(), invalid(wire.KindRefreshToken)},
		{"revoked", w.read, ended.Refresh(), invalid(wire.KindRefreshToken)},
		{"expired", w.read, old.Refresh(), expired(wire.KindRefreshToken)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t, post("oauth/token",
				w.bearer(tt.by, claims{"grant_type": "refresh_token", "refresh_token": tt.token}), ""), tt.want)
		})
	}
}

// Clients refresh thirty times at once with one token, and use every answer.
func TestRefreshAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.Person().Allows(w.read)
	w.Clock.Moves(25 * time.Hour)
	var wait sync.WaitGroup
	got := make([]wire.TokenClaims, 30)
	for i := range got {
		wait.Go(func() {
			a, err := w.try(t.Context(), post("oauth/token", w.bearer(w.read, refreshing(reader)), ""))
			if err == nil {
				got[i], err = w.tokens(a)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	seen := map[string]bool{}
	for _, k := range got {
		seen[k.AccessToken.Value] = true
		w.mustSend(t,
			post("permission-access/trigger", w.bearer(w.read, claims{"access_token": k.AccessToken.Value}), ""), nil)
		if k.RefreshToken.Value != reader.Refresh() ||
			k.AccessToken.ExpiresOn.Time().Before(w.Clock.Now().Add(time.Hour)) {
			t.Errorf("refresh gave %v until %v", k.RefreshToken.Value == reader.Refresh(),
				k.AccessToken.ExpiresOn.Time())
		}
	}
	if len(seen) != len(got) {
		t.Errorf("%d different tokens, want %d", len(seen), len(got))
	}
}

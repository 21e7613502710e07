package api_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

func exchanging(k *consent) claims {
	return claims{"grant_type": "authorization_code", "code": k.code, "code_verifier": k.verifier}
}

func refreshing(k *consent) claims {
	return claims{"grant_type": "refresh_token", "refresh_token": k.refresh}
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
	w.secrets.plant(got.AccessToken.Value, got.RefreshToken.Value)
	return got, err
}

// A code is exchanged once, in time, by the contract that it is for, with the verifier
// of its challenge.
func TestExchangeRefused(t *testing.T) {
	w := newWorld(t)
	anna, bram := w.person(t), w.person(t)
	fresh, used, old, ended := w.consents(t, anna, w.write), w.consents(t, anna, w.write), w.consents(t, anna,
		w.write), w.consents(t, bram, w.write)
	if _, err := w.tokens(w.send(t, post("oauth/token", w.bearer(w.write, exchanging(used)), ""))); err != nil {
		t.Fatal(err)
	}
	w.exec(t, "UPDATE codes SET expires_at = ? WHERE hash = ?", w.clock.Now().UnixMilli(), hashOf(old.code))
	w.revoke(t, bram, ended)
	link := wire.RandomAlphanumeric(43)
	code := func(code, verifier any) claims {
		return claims{"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
	}
	for _, tt := range []struct {
		name string
		by   contract
		with claims
		want refusal
	}{
		{"no code", w.write, code(nil, fresh.verifier), invalid(wire.KindAuthorizationCode)},
		{"unknown", w.write, code(wire.RandomAlphanumeric(43), fresh.verifier), invalid(wire.KindAuthorizationCode)},
		{"the link's code", w.write, code(link, fresh.verifier), invalid(wire.KindAuthorizationCode)},
		{"used", w.write, exchanging(used), invalid(wire.KindAuthorizationCode)},
		{"expired", w.write, exchanging(old), invalid(wire.KindAuthorizationCode)},
		{"of a revoked grant", w.write, exchanging(ended), invalid(wire.KindAuthorizationCode)},
		{"another contract's", w.second, exchanging(fresh), invalid(wire.KindAuthorizationCode)},
		{"another application's", w.foreign, exchanging(fresh), invalid(wire.KindAuthorizationCode)},
		{"no verifier", w.write, code(fresh.code, nil), invalid(wire.KindCodeVerifier)},
		{"wrong verifier", w.write, code(fresh.code, used.verifier), invalid(wire.KindCodeVerifier)},
		{"the challenge for a verifier", w.write, code(fresh.code, wire.Challenge(fresh.verifier)),
			invalid(wire.KindCodeVerifier)},
		{"no grant_type", w.write, claims{"code": fresh.code, "code_verifier": fresh.verifier},
			bad("grant_type must be authorization_code or refresh_token")},
		{"password", w.write, claims{"grant_type": "password"},
			bad("grant_type must be authorization_code or refresh_token")},
		{"client credentials", w.write, claims{"grant_type": "client_credentials"},
			bad("grant_type must be authorization_code or refresh_token")},
		{"another case", w.write, claims{"grant_type": "Authorization_Code", "code": fresh.code},
			bad("grant_type must be authorization_code or refresh_token")},
		{"grant_type a list", w.write, claims{"grant_type": []string{"refresh_token"}},
			badBearer("bearer token claims")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := w.stored(t)
			w.refused(t, w.send(t, post("oauth/token", w.bearer(tt.by, tt.with), "")), tt.want)
			after := w.stored(t)
			after[12] = before[12] // the second use of a code is noted for its person
			if after != before {
				t.Errorf("a refused exchange changed what is stored from %v to %v", before, after)
			}
		})
	}
	got, err := w.tokens(w.send(t, post("oauth/token", w.bearer(w.write, exchanging(fresh)), "")))
	if err != nil {
		t.Fatalf("the code is good in spite of those who tried it: %v", err)
	}
	w.mustSend(t, get("permission-access/accounts", w.bearer(w.write, claims{"access_token": got.AccessToken.Value})),
		nil)
}

// A code that is exchanged many times at once gives tokens once.
func TestExchangeRace(t *testing.T) {
	w := newWorld(t)
	k := w.consents(t, w.person(t), w.read)
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
	if counts[200] != 1 || counts[401] != 9 || w.stored(t)[7] != 2 {
		t.Errorf("statuses %v and %d tokens", counts, w.stored(t)[7])
	}
}

// A refresh token is worth something to its own contract, while it and its grant stand.
func TestRefreshRefused(t *testing.T) {
	w := newWorld(t)
	anna, bram := w.person(t), w.person(t)
	good, old, ended := w.user(t, anna, w.read), w.user(t, anna, w.read), w.user(t, bram, w.read)
	w.expire(t, old.refresh)
	w.revoke(t, bram, ended)
	for _, tt := range []struct {
		name  string
		by    contract
		token any
		want  refusal
	}{
		{"none", w.read, nil, invalid(wire.KindRefreshToken)},
		{"unknown", w.read, wire.RandomAlphanumeric(43), invalid(wire.KindRefreshToken)},
		{"an access token", w.read, good.access, invalid(wire.KindRefreshToken)},
		{"another contract's", w.write, good.refresh, invalid(wire.KindRefreshToken)},
		{"another application's", w.foreign, good.refresh, invalid(wire.KindRefreshToken)},
		{"revoked", w.read, ended.refresh, invalid(wire.KindRefreshToken)},
		{"expired", w.read, old.refresh, expired(wire.KindRefreshToken)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.refuses(t,
				post("oauth/token", w.bearer(tt.by, claims{"grant_type": "refresh_token", "refresh_token": tt.token}),
					""), tt.want)
		})
	}
}

// Clients refresh thirty times at once with one token, and use every answer.
func TestRefreshAtOnce(t *testing.T) {
	w := newWorld(t)
	reader := w.user(t, w.person(t), w.read)
	w.expire(t, reader.access)
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
		w.mustSend(t, post("permission-access/trigger", w.bearer(w.read, claims{"access_token": k.AccessToken.Value}),
			""), nil)
		if k.RefreshToken.Value != reader.refresh ||
			k.AccessToken.ExpiresOn.Time().Before(w.clock.Now().Add(time.Hour)) {
			t.Errorf("refresh gave %v until %v", k.RefreshToken.Value == reader.refresh, k.AccessToken.ExpiresOn.Time())
		}
	}
	if len(seen) != len(got) {
		t.Errorf("%d different tokens, want %d", len(seen), len(got))
	}
}

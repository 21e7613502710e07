package server_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// forged returns what a keeper can put beside a row of a secret of their own: the MAC that the secret yields, alone and
// with the part under the master keyring of an honest row.
func forged(own, honest []byte) map[string][]byte {
	return map[string][]byte{
		"alone":                   own,
		"with another row's part": append(own[:len(own):len(own)], honest[len(honest)-seal.KeyringMACSize:]...),
		"none":                    nil,
	}
}

// TestAttackForgedRequest: the keeper makes a request, with a code and a session of their own, for a contract that the
// person lets read. The page does not know it, and the key of the library is sealed to nobody.
func TestAttackForgedRequest(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		contract := k.Application().Contract(library.Read)
		anna.Allows(contract)
		client := contract.Client
		var account string
		k.reads(&account, `SELECT id FROM accounts WHERE library_id = $1 AND application_id = $2`, string(anna.Library),
			string(client.Application.ID))
		var honest []byte
		k.reads(&honest, `SELECT binding FROM links LIMIT 1`)
		code, session := seal.NewSecret(), seal.NewSecret()
		public := carreltest.Must(session.PublicKey())(t)
		request := library.AuthRequest{Hash: code.Hash(), Kind: library.OnboardRequest, ClientID: client.ID(),
			RedirectURI: "https://keeper.example/", State: "s", Challenge: wire.Challenge(carreltest.Verifier),
			Library: anna.Library, Session: session.Hash()}
		own := code.MAC("carrel authorization request", []byte(request.Kind), []byte(client.Application.ID),
			[]byte(client.Contract.ID), []byte(request.RedirectURI), []byte(request.State), []byte(request.Challenge),
			[]byte(request.Library), request.Session[:])
		bound := code.MAC("carrel session of a request", request.Session[:], public.Bytes())
		at, until := k.Clock.Now().UnixMilli(), k.Clock.Now().Add(time.Hour).UnixMilli()
		k.changes(`INSERT INTO sessions (hash, application_id, contract_id, grant_id, public_key, options, created_at,
			expires_at) VALUES ($1, $2, $3, '', $4, '{}', $5, $6)`, request.Session[:], string(client.Application.ID),
			string(client.Contract.ID), public.Bytes(), at, until)
		k.changes(`INSERT INTO account_references (id, application_id, contract_id, account_id, expires_at)
			VALUES ('handle', $1, $2, $3, $4)`,
			string(client.Application.ID), string(client.Contract.ID), account, until)
		b := k.browserOf(anna)
		b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for name, binding := range forged(own, honest) {
			_, _ = k.db.ExecContext(t.Context(), `DELETE FROM links WHERE hash = $1`, request.Hash[:])
			k.changes(`INSERT INTO links (hash, kind, application_id, contract_id, redirect_uri, state, challenge,
					library_id, session_hash, created_at, expires_at, answered_at, account_id, binding, session_binding)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, '', $12, $13)`,
				request.Hash[:], string(request.Kind), string(client.Application.ID), string(client.Contract.ID),
				request.RedirectURI, []byte(request.State), request.Challenge, string(request.Library),
				request.Session[:], at, until, binding, bound)
			path := "/apps/saas/reauthorize?code=" + url.QueryEscape(code.Reveal()) + "&accountRef=handle"
			if status, _ := b.do(b.request(http.MethodGet, path, nil)); status < 400 {
				t.Errorf("%s: the page of the request: %d", name, status)
			}
			if n := k.count(`SELECT COUNT(*) FROM sessions WHERE hash = $1 AND seal IS NOT NULL`,
				request.Session[:]); n > 0 {
				t.Errorf("%s: the library's key was sealed to the keeper's session", name)
			}
		}
	})
}

// TestAttackForgedLogin: the keeper makes a login in the person's library, for a cookie of their own, or for a token
// that an application has. Neither is signed in.
func TestAttackForgedLogin(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		g := anna.Allows(k.Application().Contract(library.Read))
		var honest, publicKey []byte
		k.reads(&honest, `SELECT binding FROM logins WHERE library_id = $1`, string(anna.Library))
		k.reads(&publicKey, `SELECT public_key FROM libraries WHERE id = $1`, string(anna.Library))
		signsIn := func(name string, cookie seal.Secret, binding []byte) {
			t.Helper()
			hash, at := cookie.Hash(), k.Clock.Now()
			_, _ = k.db.ExecContext(t.Context(), `DELETE FROM logins WHERE id = 'forged'`)
			k.changes(`INSERT INTO logins (id, library_id, hash, agent, created_at, seen_at, expires_at, binding)
				VALUES ('forged', $1, $2, 'computer', $3, $3, $4, $5)`, string(anna.Library), hash[:], at.UnixMilli(),
				at.Add(time.Hour).UnixMilli(), binding)
			if _, err := k.People.Login(t.Context(), cookie); err == nil {
				t.Errorf("%s: a forged login is signed in", name)
			}
		}
		cookie := seal.NewSecret()
		for name, binding := range forged(cookie.MAC("carrel library of a secret", []byte(anna.Library), publicKey),
			honest) {
			signsIn(name, cookie, binding)
		}
		token := seal.SecretOf(g.Token())
		hash := token.Hash()
		var ofToken []byte
		k.reads(&ofToken, `SELECT binding FROM tokens WHERE hash = $1`, hash[:])
		signsIn("the token of an application", token, ofToken)
	})
}

// TestAttackForgedToken: the keeper makes a token, and a code, of their own for a grant of the person's, also after
// they have put a public key of their own in place. An application gets nowhere with either.
func TestAttackForgedToken(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		contract := k.Application().Contract(library.Write)
		honestly := anna.Allows(contract)
		mine := carreltest.Must(seal.GenerateKey())(t)
		var honest, publicKey []byte
		k.reads(&honest, `SELECT binding FROM tokens LIMIT 1`)
		k.reads(&publicKey, `SELECT public_key FROM libraries WHERE id = $1`, string(anna.Library))
		until := k.Clock.Now().Add(time.Hour).UnixMilli()
		for whose, key := range map[string][]byte{
			"the person's key": publicKey, "the keeper's key": mine.PublicKey().Bytes(),
		} {
			k.changes(`UPDATE libraries SET public_key = $1 WHERE id = $2`, key, string(anna.Library))
			secret := seal.NewSecret()
			hash := secret.Hash()
			own := secret.MAC("carrel library of a secret", []byte(anna.Library), key)
			for name, binding := range forged(own, honest) {
				_, _ = k.db.ExecContext(t.Context(), `DELETE FROM tokens WHERE hash = $1`, hash[:])
				k.changes(`INSERT INTO tokens (hash, use, grant_id, expires_at, binding)
					VALUES ($1, 'access', $2, $3, $4)`,
					hash[:], string(honestly.ID()), until, binding)
				if _, err := contract.GrantOfToken(secret.Reveal()).Pushes("secret", []byte("content")); err == nil {
					t.Errorf("%s, %s: a push with a forged token is stored", whose, name)
				}
				_, _ = k.db.ExecContext(t.Context(), `DELETE FROM codes WHERE hash = $1`, hash[:])
				k.changes(`INSERT INTO codes (hash, grant_id, application_id, contract_id, challenge, expires_at,
						used_at, binding) VALUES ($1, $2, $3, $4, $5, $6, 0, $7)`, hash[:], string(honestly.ID()),
					string(contract.Client.Application.ID), string(contract.Client.Contract.ID),
					wire.Challenge(carreltest.Verifier), until, binding)
				exchange := contract.Requests(carreltest.Exchanging(secret.Reveal()))
				if _, err := k.Consents.Exchange(t.Context(), exchange); err == nil {
					t.Errorf("%s, %s: a forged code is exchanged", whose, name)
				}
			}
			k.changes(`UPDATE libraries SET public_key = $1 WHERE id = $2`, publicKey, string(anna.Library))
		}
		if n := k.opensWith(mine); n > 0 {
			t.Errorf("the keeper's key opens %d files", n)
		}
	})
}

// TestAttackLockInAnotherLibrary: the keeper gives a library of their own the person's lock, public key and address.
// The person's password does not open it.
func TestAttackLockInAnotherLibrary(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna, own := k.Person(), k.Person()
		var publicKey, box []byte
		k.reads(&publicKey, `SELECT public_key FROM libraries WHERE id = $1`, string(anna.Library))
		k.reads(&box, `SELECT box FROM locks WHERE library_id = $1 AND kind = 'password'`, string(anna.Library))
		k.changes(`UPDATE libraries SET email = 'parked@example.org' WHERE id = $1`, string(anna.Library))
		k.changes(`UPDATE libraries SET email = $1, public_key = $2 WHERE id = $3`, anna.Email, publicKey,
			string(own.Library))
		k.changes(`UPDATE locks SET box = $1 WHERE library_id = $2 AND kind = 'password'`, box, string(own.Library))
		_, err := k.People.SignIn(t.Context(), anna.Email, anna.Password, library.Device{})
		var tampered *library.TamperedError
		if !errors.As(err, &tampered) {
			t.Errorf("the person signs in to the keeper's library: %v", err)
		}
	})
}

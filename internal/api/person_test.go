package api_test

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// person is somebody with a library.
type person struct {
	library library.Library
	key     seal.PrivateKey
}

func (w *world) person(t testing.TB) *person {
	t.Helper()
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	now := w.clock.Now()
	p := &person{library.Library{ID: library.ID(seal.RandomID(26)), Email: seal.RandomID(12) + "@example.org",
		PublicKey: key.PublicKey(), CreatedAt: now, CodeMadeAt: now, CodeSaved: true}, key}
	login := library.Login{ID: library.LoginID(seal.RandomID(20)), Library: p.library.ID,
		Hash: seal.NewSecret().Hash(), CreatedAt: now, SeenAt: now, ExpiresAt: now}
	if err := w.db.AddLibrary(t.Context(), p.library, nil, login, library.Event{Library: p.library.ID, At: now,
		Kind: library.EventLibraryCreated}); err != nil {
		t.Fatal(err)
	}
	return p
}

// consent is what comes of a person's yes to a contract.
type consent struct {
	contract              contract
	grant                 library.GrantID
	code, verifier        string
	session               string // promised with the link
	access, refresh       string
	accessHash, redeemKey seal.Hash
}

// consents has a person say yes. The code is not exchanged yet.
func (w *world) consents(t testing.TB, p *person, c contract) *consent {
	t.Helper()
	now := w.clock.Now()
	k := &consent{contract: c, verifier: wire.RandomAlphanumeric(43)}
	code, link, session := seal.NewSecret(), seal.NewSecret(), seal.NewSecret()
	k.code, k.session, k.redeemKey = code.Reveal(), session.Reveal(), code.Hash()
	w.secrets.plant(k.code, k.verifier, k.session)
	promised := library.Session{Hash: session.Hash(), Client: c.id, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	answer := library.Approval{Request: link.Hash(), At: now,
		Grant: library.Grant{ID: library.GrantID(seal.RandomID(26)), Library: p.library.ID,
			Application: c.id.Application,
			Contract:    c.id.Contract, CreatedAt: now, ExpiresAt: now.AddDate(0, 0, 180)},
		Account: library.Account{ID: wire.AccountID("1_" + seal.RandomID(20)),
			Reference: library.Reference(seal.RandomID(16)),
			Library:   p.library.ID, Application: c.id.Application, Subject: seal.RandomID(26), CreatedAt: now},
		Code: library.AuthCode{Hash: code.Hash(), Client: c.id, Challenge: wire.Challenge(k.verifier),
			ExpiresAt: now.Add(10 * time.Minute)},
		Event: library.Event{Library: p.library.ID, At: now, Kind: library.EventAllowed}}
	if c.access == library.Read {
		var err error
		if promised.PublicKey, err = session.PublicKey(); err != nil {
			t.Fatal(err)
		}
		if answer.Code.Seal, err = p.key.SealToSecret(code); err != nil {
			t.Fatal(err)
		}
		if answer.SessionSeal, err = p.key.SealTo(promised.PublicKey); err != nil {
			t.Fatal(err)
		}
	}
	err := w.db.AddAuthRequest(t.Context(), library.AuthRequest{Hash: link.Hash(), Kind: library.AuthorizeRequest,
		ClientID: c.id, RedirectURI: callback,
		Challenge: answer.Code.Challenge, Session: session.Hash(), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, promised)
	if err != nil {
		t.Fatal(err)
	}
	grant, _, err := w.db.Allow(t.Context(), answer)
	if err != nil {
		t.Fatal(err)
	}
	k.grant = grant.ID
	return k
}

// user is a person's consent with its tokens.
func (w *world) user(t testing.TB, p *person, c contract) *consent {
	t.Helper()
	k := w.consents(t, p, c)
	access, refresh := seal.NewSecret(), seal.NewSecret()
	k.access, k.refresh, k.accessHash = access.Reveal(), refresh.Reveal(), access.Hash()
	w.secrets.plant(k.access, k.refresh)
	now := w.clock.Now()
	tokens := []library.Token{
		{Hash: access.Hash(), Use: library.UseAccess, Grant: k.grant, ExpiresAt: now.Add(24 * time.Hour)},
		{Hash: refresh.Hash(), Use: library.UseRefresh, Grant: k.grant, ExpiresAt: now.AddDate(0, 0, 180)},
	}
	if c.access == library.Read {
		for i, to := range []seal.Secret{access, refresh} {
			var err error
			if tokens[i].Seal, err = p.key.SealToSecret(to); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.db.RedeemCode(t.Context(), k.redeemKey, now, tokens); err != nil {
		t.Fatal(err)
	}
	return k
}

// expire puts a token's end in the past; revoke ends its grant.
func (w *world) expire(t testing.TB, token string) {
	t.Helper()
	w.exec(t, "UPDATE tokens SET expires_at = ? WHERE hash = ?", w.clock.Now().Add(-time.Minute).UnixMilli(),
		seal.SecretOf(token).Hash())
}

func (w *world) revoke(t testing.TB, p *person, k *consent) {
	t.Helper()
	err := w.db.RevokeGrant(t.Context(), p.library.ID, k.grant, w.clock.Now(),
		library.Event{Library: p.library.ID, At: w.clock.Now(), Kind: library.EventStopped})
	if err != nil {
		t.Fatal(err)
	}
}

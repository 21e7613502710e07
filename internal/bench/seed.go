package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store"
)

// seedLibrary creates a library and its consent directly in the store.
func seedLibrary(
	ctx context.Context, db *store.DB, integrity *library.Integrity, k library.Contract, i int,
) (token string, err error) {
	client := wire.ClientID{Application: k.Application, Contract: k.ID}
	key, err := seal.GenerateKey()
	if err != nil {
		return "", err
	}
	now := time.Now()
	year := now.AddDate(1, 0, 0)
	cookie, request, session := seal.NewSecret(), seal.NewSecret(), seal.NewSecret()
	code, access := seal.NewSecret(), seal.NewSecret()
	l := library.Library{
		ID:         library.ID(seal.RandomID(26)),
		Email:      fmt.Sprintf("bench-%d@example.org", i),
		PublicKey:  key.PublicKey(),
		CreatedAt:  now,
		CodeMadeAt: now,
		CodeSaved:  true,
	}
	login := library.Login{
		ID:        library.LoginID(seal.RandomID(20)),
		Library:   l.ID,
		Hash:      cookie.Hash(),
		CreatedAt: now,
		SeenAt:    now,
		ExpiresAt: now,
	}
	if login.Seal, err = key.SealToSecret(cookie); err != nil {
		return "", err
	}
	if err := db.AddLibrary(ctx, l, nil, login,
		library.Event{Library: l.ID, At: now, Kind: library.EventLibraryCreated}); err != nil {
		return "", fmt.Errorf("add library: %w", err)
	}
	if err := db.AddAuthRequest(ctx,
		library.AuthRequest{
			Hash:      request.Hash(),
			Kind:      library.AuthorizeRequest,
			ClientID:  client,
			Session:   session.Hash(),
			CreatedAt: now,
			ExpiresAt: year,
		},
		library.Session{Hash: session.Hash(), Client: client, CreatedAt: now, ExpiresAt: year}); err != nil {
		return "", fmt.Errorf("add authorization request: %w", err)
	}
	grant, _, err := db.Allow(ctx, library.Approval{
		Request: request.Hash(),
		At:      now,
		Grant: library.Grant{
			ID:          library.GrantID(seal.RandomID(26)),
			Library:     l.ID,
			Application: client.Application,
			Contract:    client.Contract,
			CreatedAt:   now,
			ExpiresAt:   year,
			Access:      k.Access,
			Allowed:     k.Allowed(),
		},
		Account: library.Account{
			ID:          wire.AccountID("1_" + seal.RandomID(20)),
			Reference:   library.AccountReference(seal.RandomID(16)),
			Library:     l.ID,
			Application: client.Application,
			Subject:     seal.RandomID(26),
			CreatedAt:   now,
		},
		Code:  library.AuthCode{Hash: code.Hash(), Client: client, ExpiresAt: year},
		Event: library.Event{Library: l.ID, At: now, Kind: library.EventAllowed},
	})
	if err != nil {
		return "", fmt.Errorf("allow: %w", err)
	}
	err = db.RedeemAuthCode(ctx, code.Hash(), now,
		[]library.Token{{Hash: access.Hash(), Use: library.UseAccess, Grant: grant.ID, ExpiresAt: year,
			Binding: integrity.BindSecret(access, l)}})
	if err != nil {
		return "", fmt.Errorf("redeem code: %w", err)
	}
	return access.Reveal(), nil
}

package bench

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// seeders is how many goroutines write what people would have done. They share the syncs.
const seeders = 64

// consentTime is how long the consents last.
const consentTime = 365 * 24 * time.Hour

// register registers the application and its contracts.
func (o *ownServer) register(ctx context.Context) error {
	a, err := o.server.Clients.AddApplication(ctx, library.Application{Name: "Bench"})
	if err != nil {
		return fmt.Errorf("register application: %w", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
	if err != nil {
		return fmt.Errorf("generate key: %w", err)
	}
	o.state.Application, o.state.Key = a.ID, string(wire.MarshalPrivateKey(key))
	for _, k := range []struct {
		into   *wire.ContractID
		access library.Access
		scope  library.Scope
	}{
		{&o.state.Write, library.Write, library.Scope{}},
		{&o.state.Read, library.Read, library.Scope{Raw: true}},
	} {
		added, err := o.server.Clients.AddContract(ctx, library.Contract{
			Application:  a.ID,
			Access:       k.access,
			Scope:        k.scope,
			PublicKey:    string(wire.MarshalPublicKey(&key.PublicKey)),
			RedirectURIs: []string{redirectURI},
		})
		if err != nil {
			return fmt.Errorf("register contract: %w", err)
		}
		*k.into = added.ID
	}
	return nil
}

const redirectURI = "http://127.0.0.1/callback"

// signer returns the signer of a contract.
func (o *ownServer) signer(contract wire.ContractID) (*signer, error) {
	key, err := wire.ParsePrivateKey([]byte(o.state.Key))
	if err != nil {
		return nil, fmt.Errorf("parse key of contracts: %w", err)
	}
	return &signer{key, wire.ClientID{Application: o.state.Application, Contract: contract}}, nil
}

// seed adds the libraries that are missing, each with a consent to the contracts. It writes to the store directly,
// with passwords that cost little to hash.
func (o *ownServer) seed(ctx context.Context, progress func(string)) error {
	missing := o.config.Libraries - len(o.state.Libraries)
	if missing <= 0 {
		return nil
	}
	progress(fmt.Sprintf("seeding %d libraries", missing))
	contracts := make([]library.Contract, 0, 2)
	for _, id := range []wire.ContractID{o.state.Write, o.state.Read} {
		client, err := o.server.Clients.GetClientOfContract(ctx, id)
		if err != nil {
			return fmt.Errorf("get contract: %w", err)
		}
		if contracts = append(contracts, client.Contract); !o.state.Reads {
			break
		}
	}
	added := make([]libraryState, missing)
	err := parallel(ctx, seeders, missing, func(ctx context.Context, i int) (err error) {
		added[i], err = o.seedLibrary(ctx, contracts)
		return err
	})
	o.state.Libraries = append(o.state.Libraries, added...)
	return err
}

// seedLibrary adds a library and its consents. The first contract writes, the second reads.
func (o *ownServer) seedLibrary(ctx context.Context, contracts []library.Contract) (s libraryState, err error) {
	key, err := seal.GenerateKey()
	if err != nil {
		return s, fmt.Errorf("generate key: %w", err)
	}
	now := time.Now()
	l := library.Library{
		ID:         library.ID(seal.RandomID(26)),
		PublicKey:  key.PublicKey(),
		CreatedAt:  now,
		CodeMadeAt: now,
		CodeSaved:  true,
	}
	l.Email = string(l.ID) + "@example.org"
	l.Binding = o.integrity.BindLibrary(l.ID, l.PublicKey.Bytes())
	locks, err := newLocks(ctx, l, key)
	if err != nil {
		return s, err
	}
	if err := o.db.AddLibrary(ctx, l, locks, library.Login{},
		library.Event{Library: l.ID, At: now, Kind: library.EventLibraryCreated}); err != nil {
		return s, fmt.Errorf("add library: %w", err)
	}
	s.ID = l.ID
	tokens := []*string{&s.WriteToken, &s.ReadToken}
	for i, k := range contracts {
		a, err := o.allow(ctx, l, key, k)
		if err != nil {
			return s, err
		}
		access := seal.NewSecret()
		token, err := o.token(access, library.UseAccess, l, key, a.grant)
		if err != nil {
			return s, err
		}
		if err := o.db.RedeemAuthCode(ctx, a.code.Hash(), now, []library.Token{token}); err != nil {
			return s, fmt.Errorf("redeem code: %w", err)
		}
		*tokens[i] = access.Reveal()
	}
	return s, nil
}

// newLocks makes the locks of a library, which nobody will open: they cost little to make, and their passwords are not
// kept.
func newLocks(ctx context.Context, l library.Library, key seal.PrivateKey) (locks []library.Lock, err error) {
	for _, kind := range []library.LockKind{library.LockPassword, library.LockRecovery} {
		box, err := key.SealWithPassword(ctx, wire.RandomAlphanumeric(40), seal.PasswordCost{Passes: 1, Memory: 64})
		if err != nil {
			return nil, fmt.Errorf("lock library: %w", err)
		}
		locks = append(locks, library.Lock{Library: l.ID, Kind: kind, Box: box, CreatedAt: l.CreatedAt})
	}
	return locks, nil
}

// token makes a token of a grant.
func (o *ownServer) token(
	secret seal.Secret, use library.TokenUse, l library.Library, key seal.PrivateKey, grant library.Grant,
) (library.Token, error) {
	t := library.Token{Hash: secret.Hash(), Use: use, Grant: grant.ID, ExpiresAt: time.Now().Add(consentTime),
		Binding: o.integrity.BindSecret(secret, l)}
	if grant.Access == library.Read {
		var err error
		if t.Seal, err = key.SealToSecret(secret); err != nil {
			return library.Token{}, fmt.Errorf("seal key of library: %w", err)
		}
	}
	return t, nil
}

// allowed is what comes of a consent.
type allowed struct {
	grant    library.Grant
	code     seal.Secret
	verifier string
}

// allow lets the person of a library allow a contract.
func (o *ownServer) allow(
	ctx context.Context, l library.Library, key seal.PrivateKey, k library.Contract,
) (_ allowed, err error) {
	now, client := time.Now(), wire.ClientID{Application: k.Application, Contract: k.ID}
	request, session, code := seal.NewSecret(), seal.NewSecret(), seal.NewSecret()
	verifier := wire.RandomAlphanumeric(64)
	end := now.Add(consentTime)
	authCode := library.AuthCode{Hash: code.Hash(), Client: client, Challenge: wire.Challenge(verifier), ExpiresAt: end,
		Binding: o.integrity.BindSecret(code, l)}
	asked := library.Session{Hash: session.Hash(), Client: client, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	var sessionSeal seal.Sealed
	if k.Access == library.Read {
		if authCode.Seal, err = key.SealToSecret(code); err == nil {
			asked.PublicKey, err = session.PublicKey()
		}
		if err == nil {
			sessionSeal, err = key.SealTo(asked.PublicKey)
		}
		if err != nil {
			return allowed{}, fmt.Errorf("seal key of library: %w", err)
		}
	}
	if err := o.db.AddAuthRequest(ctx,
		library.AuthRequest{
			Hash:      request.Hash(),
			Kind:      library.AuthorizeRequest,
			ClientID:  client,
			Session:   session.Hash(),
			CreatedAt: now,
			ExpiresAt: now.Add(time.Hour),
		}, asked); err != nil {
		return allowed{}, fmt.Errorf("add authorization request: %w", err)
	}
	grant, _, err := o.db.Allow(ctx, library.Approval{
		Request: request.Hash(),
		At:      now,
		Grant: library.Grant{
			ID:          library.GrantID(seal.RandomID(26)),
			Library:     l.ID,
			Application: client.Application,
			Contract:    client.Contract,
			CreatedAt:   now,
			ExpiresAt:   end,
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
		Code:        authCode,
		SessionSeal: sessionSeal,
		Event:       library.Event{Library: l.ID, At: now, Kind: library.EventAllowed},
	})
	if err != nil {
		return allowed{}, fmt.Errorf("allow: %w", err)
	}
	return allowed{grant, code, verifier}, nil
}

// opened is a library with its private key, and the grant of the read contract.
type opened struct {
	library library.Library
	key     seal.PrivateKey
	grant   library.Grant
}

// openLibrary opens a library with its access token, as a session does.
func (o *ownServer) openLibrary(ctx context.Context, s libraryState) (opened, error) {
	secret := seal.SecretOf(s.ReadToken)
	info, err := o.db.GetTokenInfo(ctx, secret.Hash(), library.UseAccess)
	if err != nil {
		return opened{}, fmt.Errorf("get token: %w", err)
	}
	key, err := secret.OpenKey(info.Token.Seal)
	if err != nil {
		return opened{}, fmt.Errorf("open library: %w", err)
	}
	return opened{info.Library, key, info.Grant}, nil
}

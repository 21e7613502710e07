package bench

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// writers implements [carrel].
func (o *ownServer) writers() ([]holder, error) {
	signer, err := o.signer(o.state.Write)
	if err != nil {
		return nil, err
	}
	list := make([]holder, 0, len(o.state.Libraries))
	for _, l := range o.state.Libraries {
		list = append(list, holder{signer, l.WriteToken})
	}
	return list, nil
}

// readFiles implements [carrel].
func (o *ownServer) readFiles(ctx context.Context, n int) ([]sessionFile, error) {
	signer, err := o.signer(o.state.Read)
	if err != nil {
		return nil, err
	}
	sessions := onceEach[string]{make: o.newSession}
	files := make([]sessionFile, n)
	err = parallel(ctx, seeders, n, func(ctx context.Context, i int) error {
		index := o.state.libraryOf(i % o.state.Files)
		session, err := sessions.get(ctx, index)
		if err != nil {
			return err
		}
		file, err := o.anyFile(ctx, index, i)
		if err != nil {
			return err
		}
		files[i] = sessionFile{holder{signer, o.state.Libraries[index].ReadToken}, session, file.ID, file.Size}
		return nil
	})
	return files, err
}

// anyFile returns a file of a library, the i-th of a scattered order.
func (o *ownServer) anyFile(ctx context.Context, index, i int) (library.File, error) {
	const moments = 100_003 // a prime number
	span := o.state.FilledTo.Sub(o.state.FilledFrom)
	from := o.state.FilledFrom.Add(span * time.Duration(newScatter(moments).at(i)) / moments)
	for _, at := range []library.FileCursor{{CreatedAt: from}, {}} { // after the last one comes the first
		files, err := o.db.ListFiles(ctx, o.state.Libraries[index].ID, at, 1)
		if err != nil {
			return library.File{}, fmt.Errorf("choose file: %w", err)
		}
		if len(files) > 0 {
			return files[0], nil
		}
	}
	return library.File{}, fmt.Errorf("library %s has no file", o.state.Libraries[index].ID)
}

// listing returns the index of the library whose files are listed by the i-th request: the largest one, if one is
// larger than the others.
func (o *ownServer) listing(i int) int {
	if o.state.Largest > 0 {
		return 0
	}
	return o.state.libraryOf(i % o.state.Files)
}

// sessions implements [carrel].
func (o *ownServer) sessions(ctx context.Context, n int) ([]listedSession, error) {
	signer, err := o.signer(o.state.Read)
	if err != nil {
		return nil, err
	}
	files := make([]int, o.state.FilledLibraries)
	for i := range o.state.Files {
		files[o.state.libraryOf(i)]++
	}
	sessions := onceEach[string]{make: o.newSession}
	list := make([]listedSession, n)
	err = parallel(ctx, seeders, n, func(ctx context.Context, i int) error {
		index := o.listing(i)
		session, err := sessions.get(ctx, index)
		list[i] = listedSession{holder{signer, o.state.Libraries[index].ReadToken}, session, files[index]}
		return err
	})
	return list, err
}

// newSession starts a session that reads the library with an index, and returns its key.
func (o *ownServer) newSession(ctx context.Context, index int) (string, error) {
	l, err := o.openLibrary(ctx, o.state.Libraries[index])
	if err != nil {
		return "", err
	}
	secret, now := seal.NewSecret(), time.Now()
	client := wire.ClientID{Application: o.state.Application, Contract: o.state.Read}
	session := library.Session{Hash: secret.Hash(), Client: client, Grant: l.grant.ID, CreatedAt: now,
		ExpiresAt: now.Add(time.Hour)}
	if session.PublicKey, err = secret.PublicKey(); err == nil {
		session.Seal, err = l.key.SealTo(session.PublicKey)
	}
	if err == nil {
		err = o.db.AddSession(ctx, session)
	}
	if err != nil {
		return "", fmt.Errorf("start session: %w", err)
	}
	return secret.Reveal(), nil
}

// pages implements [carrel].
func (o *ownServer) pages(ctx context.Context, n int) ([]page, error) {
	cookies := onceEach[string]{make: o.newLogin}
	list := make([]page, n)
	err := parallel(ctx, seeders, n, func(ctx context.Context, i int) error {
		index := o.listing(i)
		cookie, err := cookies.get(ctx, index)
		if err != nil {
			return err
		}
		file, err := o.anyFile(ctx, index, i)
		if err != nil {
			return err
		}
		query := url.Values{"before": {fmt.Sprintf("%d-%s", file.CreatedAt.UnixMilli(), file.ID)}}
		list[i] = page{cookie, query.Encode()}
		return nil
	})
	return list, err
}

// newLogin signs the person in whose library has an index, and returns the cookie.
func (o *ownServer) newLogin(ctx context.Context, index int) (string, error) {
	l, err := o.openLibrary(ctx, o.state.Libraries[index])
	if err != nil {
		return "", err
	}
	secret, now := seal.NewSecret(), time.Now()
	login := library.Login{ID: library.LoginID(seal.RandomID(20)), Library: l.library.ID, Hash: secret.Hash(),
		Agent: "computer", CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(30 * time.Minute),
		Binding: o.integrity.BindLogin(secret, l.library)}
	if login.Seal, err = l.key.SealToSecret(secret); err == nil {
		err = o.db.AddLogin(ctx, login, library.Event{Library: l.library.ID, At: now, Kind: library.EventSignedIn})
	}
	if err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	return "carrel_login=" + secret.Reveal() + "; carrel_visit=bench", nil
}

// codes implements [carrel]. They are those of the read contract, which have more to be opened and sealed.
func (o *ownServer) codes(ctx context.Context, n int) ([]authCode, error) {
	signer, err := o.signer(o.state.Read)
	if err != nil {
		return nil, err
	}
	client, err := o.server.Clients.GetClientOfContract(ctx, o.state.Read)
	if err != nil {
		return nil, fmt.Errorf("get contract: %w", err)
	}
	libraries := onceEach[opened]{make: o.openIndex}
	list := make([]authCode, n)
	err = parallel(ctx, seeders, n, func(ctx context.Context, i int) error {
		l, err := libraries.get(ctx, i%len(o.state.Libraries))
		if err != nil {
			return err
		}
		a, err := o.allow(ctx, l.library, l.key, client.Contract)
		list[i] = authCode{signer, a.code.Reveal(), a.verifier}
		return err
	})
	return list, err
}

// refreshTokens implements [carrel].
func (o *ownServer) refreshTokens(ctx context.Context, n int) ([]refreshToken, error) {
	signer, err := o.signer(o.state.Read)
	if err != nil {
		return nil, err
	}
	libraries := onceEach[opened]{make: o.openIndex}
	list := make([]refreshToken, n)
	err = parallel(ctx, seeders, n, func(ctx context.Context, i int) error {
		l, err := libraries.get(ctx, i%len(o.state.Libraries))
		if err != nil {
			return err
		}
		secret := seal.NewSecret()
		token, err := o.token(secret, library.UseRefresh, l.library, l.key, l.grant)
		if err != nil {
			return err
		}
		if err := o.db.AddToken(ctx, token); err != nil {
			return fmt.Errorf("add refresh token: %w", err)
		}
		list[i] = refreshToken{signer, secret.Reveal()}
		return nil
	})
	return list, err
}

func (o *ownServer) openIndex(ctx context.Context, index int) (opened, error) {
	return o.openLibrary(ctx, o.state.Libraries[index])
}

// onceEach makes a value for each number that somebody asks for, once.
type onceEach[T any] struct {
	make func(ctx context.Context, i int) (T, error)
	mu   sync.Mutex
	made map[int]func() (T, error)
}

func (o *onceEach[T]) get(ctx context.Context, i int) (T, error) {
	o.mu.Lock()
	made := o.made[i]
	if made == nil {
		if o.made == nil {
			o.made = map[int]func() (T, error){}
		}
		made = sync.OnceValues(func() (T, error) { return o.make(ctx, i) })
		o.made[i] = made
	}
	o.mu.Unlock()
	return made()
}

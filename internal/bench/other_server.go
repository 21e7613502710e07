package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
)

// otherServer is a server that runs already. What it is called with was given out to an application.
type otherServer struct {
	config Config
	at     Target
}

func openOther(c Config) (*otherServer, error) {
	at, err := ParseTarget(c.Server)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	return &otherServer{c, at}, nil
}

// target implements [carrel].
func (o *otherServer) target() Target { return o.at }

func (o *otherServer) serve(context.Context) error { return nil }
func (o *otherServer) close() error                { return nil }

// of returns the credentials of an access type.
func (o *otherServer) of(access string) ([]Credential, error) {
	var list []Credential
	for _, c := range o.config.Credentials {
		if c.Access == access {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		name := map[string]string{wire.AccessRead: "read", wire.AccessWrite: "write"}[access]
		return nil, fmt.Errorf("--credentials: nobody has agreed to a contract that may %s yet: run carrel client "+
			"authorize --contract %s with these credentials first", name, name)
	}
	return list, nil
}

// holder returns a credential's holder, whose access token is valid for the run.
func (c Credential) holder(ctx context.Context) (holder, error) {
	if end := c.User.Token().AccessToken.Expiry; !end.IsZero() && time.Until(end) < 2*maxRun {
		if err := c.User.Refresh(ctx); err != nil {
			return holder{}, fmt.Errorf("the access token of %s: %w", c.Client.Contract, err)
		}
	}
	return holder{&signer{c.Key, c.Client}, c.User.Token().AccessToken.Value.Reveal()}, nil
}

// writers implements [carrel].
func (o *otherServer) writers() ([]holder, error) {
	credentials, err := o.of(wire.AccessWrite)
	if err != nil {
		return nil, err
	}
	list := make([]holder, 0, len(credentials))
	for _, c := range credentials {
		h, err := c.holder(context.Background())
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

// listed is what a session has listed.
type listed struct {
	listedSession
	names []digime.FileName
}

// list starts a session for each credential that reads, and lists its files.
func (o *otherServer) list(ctx context.Context) ([]listed, error) {
	credentials, err := o.of(wire.AccessRead)
	if err != nil {
		return nil, err
	}
	var all []listed
	for _, c := range credentials {
		h, err := c.holder(ctx)
		if err != nil {
			return nil, err
		}
		session, err := c.User.StartSession(ctx, digime.SessionOptions{})
		if err != nil {
			return nil, err
		}
		files, err := session.ListFiles(ctx)
		if err != nil {
			return nil, err
		}
		l := listed{listedSession: listedSession{h, session.Key().Key.Reveal(), len(files.Files)}}
		for _, f := range files.Files {
			l.names = append(l.names, f.Name)
		}
		all = append(all, l)
	}
	return all, nil
}

// readFiles implements [carrel].
func (o *otherServer) readFiles(ctx context.Context, n int) ([]sessionFile, error) {
	all, err := o.list(ctx)
	if err != nil {
		return nil, err
	}
	var files []sessionFile
	for _, l := range all {
		for _, name := range l.names {
			files = append(files, sessionFile{l.holder, l.session, wire.FileName(name), -1})
		}
	}
	if len(files) == 0 {
		return nil, errors.New("the contract may read no file: push some first, with carrel bench push --server")
	}
	chosen, order := make([]sessionFile, n), newScatter(len(files))
	for i := range chosen {
		chosen[i] = files[order.at(i)]
	}
	return chosen, nil
}

// sessions implements [carrel].
func (o *otherServer) sessions(ctx context.Context, n int) ([]listedSession, error) {
	all, err := o.list(ctx)
	if err != nil {
		return nil, err
	}
	sessions := make([]listedSession, n)
	for i := range sessions {
		sessions[i] = all[i%len(all)].listedSession
	}
	return sessions, nil
}

// pages implements [carrel].
func (o *otherServer) pages(context.Context, int) ([]page, error) {
	return nil, errors.New("--server: the pages of a person need their password, so give --session, too: it lists " +
		"what an application may read")
}

// codes implements [carrel].
func (o *otherServer) codes(context.Context, int) ([]authCode, error) {
	return nil, errors.New("--server: a person has to agree for each authorization code, so leave it out: then the " +
		"command starts a server by itself, with codes")
}

// refreshTokens implements [carrel]. A refresh token stays the same when it is used.
func (o *otherServer) refreshTokens(_ context.Context, n int) ([]refreshToken, error) {
	list := make([]refreshToken, n)
	for i := range list {
		c := o.config.Credentials[i%len(o.config.Credentials)]
		list[i] = refreshToken{&signer{c.Key, c.Client}, c.User.Token().RefreshToken.Value.Reveal()}
	}
	return list, nil
}

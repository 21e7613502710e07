package carreltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// Grant is what a contract has after a person's consent.
type Grant struct {
	*Contract
	// Tokens are empty until the contract exchanges its code.
	Tokens wire.TokenClaims
	// Session is the session that was promised with the authorization request.
	Session wire.Session
	Code    string

	id library.GrantID
}

// ID is the id of the grant. That of the contract is the ID of g.Contract.
func (g *Grant) ID() library.GrantID { return g.id }

// Token returns the access token.
func (g *Grant) Token() string { return g.Tokens.AccessToken.Value }

// Refresh returns the refresh token.
func (g *Grant) Refresh() string { return g.Tokens.RefreshToken.Value }

// GrantOf returns a grant of which the contract knows the tokens.
func (c *Contract) GrantOf(token digime.UserAccessToken) *Grant {
	return &Grant{Contract: c, id: library.GrantID(token.ConsentID), Tokens: wire.TokenClaims{
		AccessToken:  wire.TokenValue{Value: token.AccessToken.Value.Reveal()},
		RefreshToken: wire.TokenValue{Value: token.RefreshToken.Value.Reveal()},
	}}
}

// GrantOfToken returns a grant of which the contract knows the access token.
func (c *Contract) GrantOfToken(token string) *Grant {
	return &Grant{Contract: c, Tokens: wire.TokenClaims{AccessToken: wire.TokenValue{Value: token}}}
}

// Exchanges exchanges the code for tokens.
func (g *Grant) Exchanges() {
	g.w.t.Helper()
	g.Tokens = Must(g.w.Consents.Exchange(g.w.t.Context(), g.Requests(Exchanging(g.Code))))(g.w.t)
	g.id = library.GrantID(g.Tokens.ConsentID)
	g.w.Secrets.Plant(g.Token(), g.Refresh())
}

// Bearer returns the bearer of the access token, by a request of its own.
func (g *Grant) Bearer() (*library.Bearer, error) {
	g.w.t.Helper()
	return g.w.Consents.Bearer(g.w.t.Context(), g.Requests(WithToken(g.Token())))
}

// Pushes pushes a file with the name as its reference.
func (g *Grant) Pushes(name string, content []byte) (library.File, error) {
	g.w.t.Helper()
	return g.PushesAs(Descriptor(g.w.t, map[string]any{"reference": []string{name}}), content)
}

// PushesAs pushes a file with a descriptor.
func (g *Grant) PushesAs(d *wire.Descriptor, content []byte) (library.File, error) {
	g.w.t.Helper()
	b, err := g.Bearer()
	if err != nil {
		return library.File{}, err
	}
	return g.w.Files.Push(g.w.t.Context(), b, d, bytes.NewReader(content))
}

// AddsFiles adds files with the same metadata to the database alone, which is faster than to push them: their contents
// do not open. Each is so much newer than the one before, and the clock moves on by all of that.
func (g *Grant) AddsFiles(number int, newer time.Duration, m wire.RawMetadata) {
	g.w.t.Helper()
	b := Must(g.Bearer())(g.w.t)
	m.Accounts = []wire.DescriptorAccount{{AccountID: "patient 1"}}
	text, start := Must(library.EncodeMetadata(m))(g.w.t), g.w.Clock.Now()
	const writers = 32
	var done sync.WaitGroup
	for first := range writers {
		done.Go(func() {
			for i := first; i < number; i += writers {
				at := start.Add(time.Duration(i) * newer)
				err := g.w.Store.AddFile(g.w.t.Context(), library.NewFile{
					File: library.File{ID: wire.FileName(library.NewOrderedID(at)), Library: b.Library.ID,
						Application: b.Client.Application.ID, Contract: b.Client.Contract.ID, MetadataJSON: text,
						Size: 1000, CreatedAt: at},
					Content: library.Content{Format: library.FormatInline, Key: []byte("no key")}, Grant: b.Grant.ID,
					Event: library.Event{Library: b.Library.ID, At: at, Kind: library.EventFileAdded},
				})
				if err != nil {
					g.w.t.Errorf("add file %d: %v", i, err)
					return
				}
			}
		})
	}
	done.Wait()
	g.w.Clock.Moves(time.Duration(number) * newer)
}

// Descriptor describes a pushed file. The members are added to those that are required.
func Descriptor(t testing.TB, members map[string]any) *wire.Descriptor {
	t.Helper()
	all := map[string]any{"mimeType": "text/plain", "accounts": []map[string]string{{"accountId": "patient 1"}}}
	for k, v := range members {
		all[k] = v
	}
	return Must(wire.ParseDescriptor(Must(json.Marshal(all))(t)))(t)
}

// Large returns content that does not fit into the database.
func Large(name string) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%s line\n", name)), 3*library.InlineLimit/len(name))
}

// StartsSession starts a session and returns its key.
func (g *Grant) StartsSession(options wire.SessionOptions) (string, error) {
	g.w.t.Helper()
	b, err := g.Bearer()
	if err != nil {
		return "", err
	}
	s, err := g.w.Consents.StartSession(g.w.t.Context(), b, options)
	g.w.Secrets.Plant(s.Key)
	return s.Key, err
}

// FindsSession finds a session that may be read, by a request of its own.
func (g *Grant) FindsSession(session string) (*library.ReadSession, error) {
	g.w.t.Helper()
	b, err := g.Bearer()
	if err != nil {
		return nil, err
	}
	return g.w.Consents.FindReadSession(g.w.t.Context(), b, session)
}

// Reads starts a session and returns all files in it: their contents by their names.
func (g *Grant) Reads() (map[string]string, error) {
	g.w.t.Helper()
	session, err := g.StartsSession(wire.SessionOptions{})
	if err != nil {
		return nil, err
	}
	return g.ReadsSession(session)
}

// ReadsSession returns all files of a session.
func (g *Grant) ReadsSession(session string) (map[string]string, error) {
	g.w.t.Helper()
	r, err := g.FindsSession(session)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	err = g.w.Files.List(g.w.t.Context(), r, func(e wire.FileEntry) error {
		file, content, err := g.ReadsFile(session, e.Name)
		all[file.Name()] = string(content)
		return err
	})
	return all, err
}

// ReadsFile returns one file of a session.
func (g *Grant) ReadsFile(session string, name wire.FileName) (library.File, []byte, error) {
	g.w.t.Helper()
	r, err := g.FindsSession(session)
	if err != nil {
		return library.File{}, nil, err
	}
	file, content, err := g.w.Files.Open(g.w.t.Context(), r, name)
	if err != nil {
		return library.File{}, nil, err
	}
	b, err := io.ReadAll(content)
	return file, b, errors.Join(err, content.Close())
}

// QueryOf returns the query of an address.
func QueryOf(t testing.TB, address string) url.Values {
	t.Helper()
	return Must(url.Parse(address))(t).Query()
}

// Refused checks that err is the refusal want, whatever its cause.
func Refused(t testing.TB, what string, err error, want *library.Refusal) {
	t.Helper()
	var got *library.Refusal
	if !errors.As(err, &got) {
		t.Errorf("%s: error %v, want %v", what, err, want)
		return
	}
	if got.Kind != want.Kind || got.Subject != want.Subject || got.Limit != want.Limit {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

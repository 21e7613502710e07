package carreltest

import (
	"bytes"
	"io"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
)

// CreatesStorage makes a storage that belongs to nobody yet.
func (c *Contract) CreatesStorage() library.StorageID {
	c.w.t.Helper()
	return Must(c.w.Storages.Create(c.w.t.Context(), c.Requests()))(c.w.t).ID
}

// RefersTo returns the handle of a storage, for the address of a page.
func (c *Contract) RefersTo(id library.StorageID) (string, error) {
	c.w.t.Helper()
	return c.w.Consents.AddAccountHandle(c.w.t.Context(), c.Requests(),
		wire.ReferenceRequest{Type: wire.ReferenceStorage, Value: string(id)})
}

// GivesStorage allows what a contract asks for, with a storage, and returns what comes of it.
func (p *Person) GivesStorage(c *Contract, id library.StorageID, claims ...Claim) (*Grant, error) {
	p.w.t.Helper()
	request := p.Asked(c, claims...)
	shown := request.Shown("")
	shown.Storage = id
	callback, err := p.w.Consents.Allow(p.w.t.Context(), p.SignedIn(), request, shown)
	if err != nil {
		return nil, err
	}
	g := &Grant{Contract: c, Code: QueryOf(p.w.t, callback).Get("code")}
	p.w.Secrets.Plant(g.Code, Verifier)
	g.Exchanges()
	return g, nil
}

// AllowsStorage makes a storage for a contract and allows it.
func (p *Person) AllowsStorage(c *Contract, claims ...Claim) (*Grant, library.StorageID) {
	p.w.t.Helper()
	id := c.CreatesStorage()
	return Must(p.GivesStorage(c, id, claims...))(p.w.t), id
}

// SignsCloud returns the token of a call of the file storage; change may alter its claims first.
func (c *Contract) SignsCloud(change ...func(*wire.CloudClaims)) string {
	c.w.t.Helper()
	now := c.w.Clock.Now()
	claims := wire.CloudClaims{Subject: c.Application.ID, Issuer: c.Contract.ID, Audience: wire.CloudAudience,
		IssuedAt: wire.SecondsOf(now), ExpiresAt: wire.SecondsOf(now.Add(time.Minute))}
	for _, f := range change {
		f(&claims)
	}
	header := wire.Header{Type: wire.TypeCloud, KeyID: wire.CloudKeyID(c.ID())}
	token := Must(wire.Sign(c.Key, header, claims))(c.w.t)
	c.w.Secrets.Plant(token)
	return token
}

// RequestsCloud returns a call of the file storage as the domain gets it, after it has been verified.
func (c *Contract) RequestsCloud() *library.CloudRequest {
	c.w.t.Helper()
	return Must(c.w.Clients.VerifyCloud(c.w.t.Context(), c.SignsCloud()))(c.w.t)
}

// OpensStorage opens a storage, by a call of its own.
func (c *Contract) OpensStorage(id library.StorageID) (storage.Storage, error) {
	c.w.t.Helper()
	return c.w.Storages.Open(c.w.t.Context(), c.RequestsCloud(), id)
}

// PathOf returns the path of a file in a storage.
func PathOf(segments ...string) storage.Path {
	p, err := storage.ParsePath(segments, false)
	if err != nil {
		panic(err)
	}
	return p
}

// Uploads stores a file.
func (c *Contract) Uploads(id library.StorageID, p storage.Path, content []byte) (storage.File, error) {
	c.w.t.Helper()
	s, err := c.OpensStorage(id)
	if err != nil {
		return storage.File{}, err
	}
	f, err := c.w.Storages.Upload(c.w.t.Context(), s, p, bytes.NewReader(content), -1)
	if err == nil {
		c.w.Storages.MarkUsed(c.w.t.Context(), s, c.ID())
	}
	return f, err
}

// Downloads returns the content of a file.
func (c *Contract) Downloads(id library.StorageID, p storage.Path) ([]byte, error) {
	c.w.t.Helper()
	s, err := c.OpensStorage(id)
	if err != nil {
		return nil, err
	}
	_, content, err := c.w.Storages.Download(c.w.t.Context(), s, p)
	if err != nil {
		return nil, err
	}
	defer func() { _ = content.Close() }()
	return io.ReadAll(content)
}

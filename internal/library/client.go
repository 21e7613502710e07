package library

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Client is a contract with its application: the sender of a signed request.
type Client struct {
	Application Application
	Contract    Contract
}

// ID returns the client_id of the wire.
func (c Client) ID() wire.ClientID {
	return wire.ClientID{Application: c.Application.ID, Contract: c.Contract.ID}
}

// Active reports whether the client may act at now: neither the contract nor its application
// is disabled, and the contract has not expired.
func (c Client) Active(now time.Time) bool {
	return c.Application.DisabledAt.IsZero() && c.Contract.DisabledAt.IsZero() && now.Before(c.Contract.ExpiresAt)
}

// EventDetails returns the details of an event that name the client.
func (c Client) EventDetails() EventDetails {
	return EventDetails{Application: c.Application.ID, ApplicationName: c.Application.Name,
		Contract: c.Contract.ID, Access: c.Contract.Access}
}

// ClientStore stores applications and contracts.
type ClientStore interface {
	// SumUsage is that of [UsageStore].
	SumUsage(ctx context.Context, application wire.ApplicationID) ([]Usage, error)
	// AddApplication returns ErrExists if the id is taken.
	AddApplication(ctx context.Context, a Application) error
	// AddContract returns ErrExists if the id is taken, by whichever application, and
	// ErrNotFound if its application is unknown.
	AddContract(ctx context.Context, c Contract) error
	// GetClient returns ErrNotFound if the contract is not one of the application's.
	// Disabled and expired ones are found too.
	GetClient(ctx context.Context, id wire.ClientID) (Client, error)
	// GetClientOfContract returns a contract with its application, by the contract's id alone.
	GetClientOfContract(ctx context.Context, id wire.ContractID) (Client, error)
	// ListApplications is ordered by creation, then id.
	ListApplications(ctx context.Context) ([]Application, error)
	// ListContracts is ordered by creation, then id. An empty application means all.
	ListContracts(ctx context.Context, application wire.ApplicationID) ([]Contract, error)
	// GetApplication returns ErrNotFound for an unknown id.
	GetApplication(ctx context.Context, id wire.ApplicationID) (Application, error)
	// UpdateApplication stores the name, the line about who is behind it, and whether that was checked. It returns
	// ErrNotFound for an unknown id, and ErrChanged if the application is not as in was.
	UpdateApplication(ctx context.Context, was, a Application) error
	// UpdateContract stores everything but the id, the application, and when it was made and disabled. It
	// returns ErrNotFound for an unknown id, and ErrChanged if the contract is not as in was.
	UpdateContract(ctx context.Context, was, c Contract) error
	// CountGrants counts the grants in force at a time that cover what the contract allows.
	CountGrants(ctx context.Context, c Contract, at time.Time) (int, error)
	// DisableApplication and DisableContract return ErrNotFound for unknown ids. If it is
	// disabled already, the first time stays.
	DisableApplication(ctx context.Context, id wire.ApplicationID, at time.Time) error
	DisableContract(ctx context.Context, id wire.ContractID, at time.Time) error
	// EnableApplication and EnableContract return ErrNotFound for unknown ids.
	EnableApplication(ctx context.Context, id wire.ApplicationID) error
	EnableContract(ctx context.Context, id wire.ContractID) error
}

// Clients registers applications and contracts, and verifies signed requests.
type Clients struct {
	store  ClientStore
	nonces NonceStore
	now    func() time.Time
	// These are caches: parsed public keys by their PEM text, and clients.
	keyCache    ttlCache[string, *rsa.PublicKey]
	clientCache ttlCache[wire.ClientID, Client]
}

const (
	// clientTTL is how long a client is cached: disabling one takes effect within that time.
	clientTTL = time.Second
	// keyTTL is how long a parsed public key is cached.
	keyTTL = time.Hour
	// maxClients bounds both caches.
	maxClients = 4096
)

// NewClients returns the clients that are stored in store.
func NewClients(store ClientStore, nonces NonceStore, now func() time.Time) *Clients {
	return &Clients{store: store, nonces: nonces, now: now,
		keyCache:    ttlCache[string, *rsa.PublicKey]{ttl: keyTTL, limit: maxClients},
		clientCache: ttlCache[wire.ClientID, Client]{ttl: clientTTL, limit: maxClients}}
}

// getActive returns a client that may act now.
func (c *Clients) getActive(ctx context.Context, id wire.ClientID) (Client, error) {
	now := c.now()
	client, known := c.clientCache.get(id, now)
	if !known {
		var err error
		client, err = c.store.GetClient(ctx, id)
		if errors.Is(err, ErrNotFound) {
			return Client{}, InvalidClient(id.String()).Because(err)
		}
		if err != nil {
			return Client{}, fmt.Errorf("find client: %w", err)
		}
		c.clientCache.put(id, client, now)
	}
	if !client.Active(now) {
		return Client{}, InvalidClient(id.String())
	}
	return client, nil
}

// parseKey parses one of the contract's public keys.
func (c *Clients) parseKey(k Contract, text string) (*rsa.PublicKey, error) {
	now := c.now()
	if key, known := c.keyCache.get(text, now); known {
		return key, nil
	}
	key, err := wire.ParsePublicKey([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("contract %s: %w", k.ID, err)
	}
	c.keyCache.put(text, key, now)
	return key, nil
}

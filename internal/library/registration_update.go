package library

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/digime/wire"
)

// GetApplication returns an application. It returns ErrNotFound for an unknown id.
func (c *Clients) GetApplication(ctx context.Context, id wire.ApplicationID) (Application, error) {
	return c.store.GetApplication(ctx, id)
}

// UpdateApplication changes what people are told of an application: its name, who is behind it, and whether that was
// checked. Consents do not depend on it. It returns ErrChanged if the application is not as in was. Other servers on
// the same store learn of it within a second.
func (c *Clients) UpdateApplication(ctx context.Context, was, application Application) error {
	if err := checkName(&application); err != nil {
		return err
	}
	defer c.clientCache.clear()
	if err := c.store.UpdateApplication(ctx, was, application); err != nil {
		return fmt.Errorf("update application %s: %w", was.ID, err)
	}
	return nil
}

// UpdateContract changes a contract. Its consents go on, unless what it allows changes: where [Grant.Covers] is false
// from then on, the application has to ask again, and [Clients.CountConsents] says how many consents have counted. One
// counts again when the contract allows again what the person has allowed. UpdateContract returns ErrChanged if the
// contract is not as in was. Other servers on the same store learn of it within a second.
func (c *Clients) UpdateContract(ctx context.Context, was, contract Contract) error {
	if err := checkContract(&contract); err != nil {
		return err
	}
	defer c.clientCache.clear()
	if err := c.store.UpdateContract(ctx, was, contract); err != nil {
		return fmt.Errorf("update contract %s: %w", was.ID, err)
	}
	return nil
}

// CountConsents counts the consents in force that cover what a contract allows.
func (c *Clients) CountConsents(ctx context.Context, contract Contract) (int, error) {
	n, err := c.store.CountGrants(ctx, contract, c.now())
	if err != nil {
		return 0, fmt.Errorf("count consents of contract %s: %w", contract.ID, err)
	}
	return n, nil
}

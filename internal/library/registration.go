package library

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/carrelhq/carrel/digime/wire"
)

// GetClientOfContract returns a contract with its application, by the contract's id alone.
func (c *Clients) GetClientOfContract(ctx context.Context, contract wire.ContractID) (Client, error) {
	return c.store.GetClientOfContract(ctx, contract)
}

// ListApplications lists all applications, oldest first.
func (c *Clients) ListApplications(ctx context.Context) ([]Application, error) {
	return c.store.ListApplications(ctx)
}

// ListContracts lists an application's contracts, oldest first. An empty application means all.
func (c *Clients) ListContracts(ctx context.Context, application wire.ApplicationID) ([]Contract, error) {
	return c.store.ListContracts(ctx, application)
}

// DisableApplication disables an application and all of its contracts at once; other servers
// on the same store learn of it within a second.
func (c *Clients) DisableApplication(ctx context.Context, id wire.ApplicationID) error {
	defer c.clientCache.clear()
	return c.store.DisableApplication(ctx, id, c.now())
}

// DisableContract disables a contract at once; other servers on the same store learn of it
// within a second.
func (c *Clients) DisableContract(ctx context.Context, id wire.ContractID) error {
	defer c.clientCache.clear()
	return c.store.DisableContract(ctx, id, c.now())
}

// EnableApplication accepts a disabled application again, with all its contracts that are not disabled themselves and
// the consents that are still in force. Other servers on the same store learn of it within a second.
func (c *Clients) EnableApplication(ctx context.Context, id wire.ApplicationID) error {
	defer c.clientCache.clear()
	return c.store.EnableApplication(ctx, id)
}

// EnableContract accepts a disabled contract again, as EnableApplication does.
func (c *Clients) EnableContract(ctx context.Context, id wire.ContractID) error {
	defer c.clientCache.clear()
	return c.store.EnableContract(ctx, id)
}

// maxPartnerID is the largest length of a partner id, in bytes: each file of the application
// is read back with it in a header.
const maxPartnerID = 128

// AddApplication registers an application. It makes an id if that is empty.
func (c *Clients) AddApplication(ctx context.Context, application Application) (Application, error) {
	if application.ID == "" {
		application.ID = wire.ApplicationID(wire.RandomAlphanumeric(32))
	}
	if !wire.ValidID(string(application.ID)) {
		return Application{}, fmt.Errorf("application id %q: want letters and digits only", application.ID)
	}
	if err := checkName(&application); err != nil {
		return Application{}, err
	}
	if application.PartnerID == "" {
		application.PartnerID = string(application.ID)
	}
	if len(application.PartnerID) > maxPartnerID {
		return Application{}, fmt.Errorf("partner id: want %d bytes at most", maxPartnerID)
	}
	application.CreatedAt = c.now()
	if err := c.store.AddApplication(ctx, application); err != nil {
		return Application{}, fmt.Errorf("add application %s: %w", application.ID, err)
	}
	return application, nil
}

// contractYears is how many years a contract lasts by default.
const contractYears = 10

// AddContract registers a contract. It makes an id if that is empty; a zero ExpiresAt becomes
// ten years from now; a read contract without a scope may see all raw and mapped files.
func (c *Clients) AddContract(ctx context.Context, contract Contract) (Contract, error) {
	if contract.ID == "" {
		contract.ID = wire.ContractID(wire.RandomAlphanumeric(32))
	}
	if !wire.ValidID(string(contract.ID)) {
		return Contract{}, fmt.Errorf("contract id %q: want letters and digits only", contract.ID)
	}
	if err := checkContract(&contract); err != nil {
		return Contract{}, err
	}
	contract.CreatedAt = c.now()
	if contract.ExpiresAt.IsZero() {
		contract.ExpiresAt = contract.CreatedAt.AddDate(contractYears, 0, 0).Truncate(time.Millisecond)
	}
	if err := c.store.AddContract(ctx, contract); err != nil {
		return Contract{}, fmt.Errorf("add contract %s: %w", contract.ID, err)
	}
	return contract, nil
}

// checkName tidies the name of an application, and returns an error if it has none.
func checkName(a *Application) error {
	if a.Name = strings.TrimSpace(a.Name); a.Name == "" {
		return errors.New("an application needs a name: people see it when they are asked")
	}
	if strings.ContainsFunc(a.Name+a.About, unicode.IsControl) {
		return errors.New("the name of an application, and who runs it, are one line each, without control characters")
	}
	return nil
}

// checkContract returns an error for the first member of a contract that is not valid. It gives a read contract without
// a scope all raw and mapped files.
func checkContract(k *Contract) error {
	if k.Access != Read && k.Access != Write {
		return fmt.Errorf("access type %q: want %q (read) or %q (write)", k.Access, Read, Write)
	}
	if k.Access == Read && !k.Scope.Raw && !k.Scope.Mapped {
		k.Scope.Raw, k.Scope.Mapped = true, true
	}
	if err := k.Scope.check(); err != nil {
		return err
	}
	if _, err := wire.ParsePublicKey([]byte(k.PublicKey)); err != nil {
		return err
	}
	if len(k.RedirectURIs) == 0 {
		return errors.New("a contract needs a redirect URI: people are sent there when they have answered")
	}
	for _, uri := range k.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			return err
		}
	}
	return nil
}

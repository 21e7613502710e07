package library

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// GetClient finds a contract, with its application, by the contract's id alone.
func (c *Clients) GetClient(ctx context.Context, contract wire.ContractID) (Client, error) {
	return c.store.GetContract(ctx, contract)
}

// ListApplications lists all applications, oldest first.
func (c *Clients) ListApplications(ctx context.Context) ([]Application, error) {
	return c.store.ListApplications(ctx)
}

// ListContracts lists an application's contracts, oldest first; all if empty.
func (c *Clients) ListContracts(ctx context.Context, application wire.ApplicationID) ([]Contract, error) {
	return c.store.ListContracts(ctx, application)
}

// DisableApplication ends an application and all of its contracts at once; servers
// that run beside it learn of it within a second.
func (c *Clients) DisableApplication(ctx context.Context, id wire.ApplicationID) error {
	defer c.recent.forget()
	return c.store.DisableApplication(ctx, id, c.now())
}

// DisableContract ends a contract at once; servers that run beside it learn of it
// within a second.
func (c *Clients) DisableContract(ctx context.Context, id wire.ContractID) error {
	defer c.recent.forget()
	return c.store.DisableContract(ctx, id, c.now())
}

// maxPartnerID bounds what every file of the application comes back with, in a header.
const maxPartnerID = 128

// AddApplication registers an application. An empty id is made up.
func (c *Clients) AddApplication(ctx context.Context, a Application) (Application, error) {
	if a.ID == "" {
		a.ID = wire.ApplicationID(wire.RandomAlphanumeric(32))
	}
	if !wire.ValidID(string(a.ID)) {
		return Application{}, fmt.Errorf("application id %q: want letters and digits only", a.ID)
	}
	if a.Name = strings.TrimSpace(a.Name); a.Name == "" {
		return Application{}, errors.New("an application needs a name: people see it when they are asked")
	}
	if a.PartnerID == "" {
		a.PartnerID = string(a.ID)
	}
	if len(a.PartnerID) > maxPartnerID {
		return Application{}, fmt.Errorf("partner id: want %d bytes at most", maxPartnerID)
	}
	a.CreatedAt = c.now()
	if err := c.store.AddApplication(ctx, a); err != nil {
		return Application{}, fmt.Errorf("add application %s: %w", a.ID, err)
	}
	return a, nil
}

// contractYears is how long a contract lasts unless it says otherwise.
const contractYears = 10

// AddContract registers a contract. An empty id is made up; a zero ExpiresAt
// becomes ten years from now; a read contract without a scope may see all raw and
// mapped files.
func (c *Clients) AddContract(ctx context.Context, k Contract) (Contract, error) {
	if k.ID == "" {
		k.ID = wire.ContractID(wire.RandomAlphanumeric(32))
	}
	if !wire.ValidID(string(k.ID)) {
		return Contract{}, fmt.Errorf("contract id %q: want letters and digits only", k.ID)
	}
	if k.Access != Read && k.Access != Write {
		return Contract{}, fmt.Errorf("access type %q: want %q (read) or %q (write)", k.Access, Read, Write)
	}
	if k.Access == Read && !k.Scope.Raw && !k.Scope.Mapped {
		k.Scope.Raw, k.Scope.Mapped = true, true
	}
	if _, err := wire.ParsePublicKey([]byte(k.PublicKey)); err != nil {
		return Contract{}, err
	}
	if len(k.RedirectURIs) == 0 {
		return Contract{}, errors.New("a contract needs a redirect URI: people are sent there when they have answered")
	}
	for _, uri := range k.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			return Contract{}, err
		}
	}
	k.CreatedAt = c.now()
	if k.ExpiresAt.IsZero() {
		k.ExpiresAt = k.CreatedAt.AddDate(contractYears, 0, 0).Truncate(time.Millisecond)
	}
	if err := c.store.AddContract(ctx, k); err != nil {
		return Contract{}, fmt.Errorf("add contract %s: %w", k.ID, err)
	}
	return k, nil
}

// browserSchemes are schemes that a browser would run or show as its own.
var browserSchemes = []string{"javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem", "ftp", "ws", "wss"}

// checkRedirectURI says whether people may be sent there: https, http on this
// machine only, or a scheme of the application's own.
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !isPrintableASCII(uri):
		return fmt.Errorf("redirect URI %q is not a URI", uri)
	case u.Scheme == "" || u.Host == "":
		return fmt.Errorf("redirect URI %q: want scheme://host/path", uri)
	case u.Fragment != "" || strings.Contains(uri, "#"):
		return fmt.Errorf("redirect URI %q: it may have no fragment", uri)
	case u.User != nil:
		return fmt.Errorf("redirect URI %q: it may have no user name", uri)
	case slices.Contains(browserSchemes, strings.ToLower(u.Scheme)):
		return fmt.Errorf("redirect URI %q: the scheme %s is not allowed", uri, u.Scheme)
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("redirect URI %q: http is for this machine only, use https", uri)
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// plain reports whether a URI is printable ASCII without spaces.
func isPrintableASCII(uri string) bool {
	for i := range len(uri) {
		if uri[i] <= ' ' || uri[i] >= 0x7f {
			return false
		}
	}
	return true
}

// maxRedirectURI bounds what a request may ask for, in bytes.
const maxRedirectURI = 2048

// AllowsRedirect reports whether a request may name uri: as written, without
// normalising, scheme, host, port and path are those of a registered one. Only the
// query is free.
func (k Contract) AllowsRedirect(uri string) bool {
	if len(uri) > maxRedirectURI || !isPrintableASCII(uri) || strings.Contains(uri, "#") {
		return false
	}
	base, query, _ := strings.Cut(uri, "?")
	if _, err := url.ParseQuery(query); err != nil {
		return false
	}
	return slices.ContainsFunc(k.RedirectURIs, func(registered string) bool {
		r, _, _ := strings.Cut(registered, "?")
		return base == r
	})
}

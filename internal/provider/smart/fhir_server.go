package smart

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/seal"
)

// keyPrefix begins the keys of this network.
const keyPrefix = "smart:"

// Server is the configuration of a FHIR server that resources can be sent to.
type Server struct {
	// ID identifies the server in its key. It must not change once a person has connected
	// the server.
	ID string
	// Source is the server's id in the catalogue; Name and City are shown to people.
	Source     int
	Name, City string
	// BaseURL is the address of the FHIR server.
	BaseURL string
	Version fhir.Version
	// AuthorizationEndpoint and TokenEndpoint are the OAuth endpoints. Both are empty to
	// discover them from [base]/.well-known/smart-configuration. With a ClientSecret a
	// discovered token endpoint must be at the host of BaseURL.
	AuthorizationEndpoint, TokenEndpoint string
	// RevocationEndpoint is where tokens are revoked (RFC 7009). It may be given if the other two
	// are; empty if the server has none.
	RevocationEndpoint string
	// ClientID identifies Carrel at the server. ClientSecret is zero for a public client.
	ClientID     string
	ClientSecret seal.Secret
	Scopes       []string
	// Roots, in PEM, are the certificate authorities for the server; the system's if empty.
	Roots []byte
}

// Key returns the server's key for [delivery.Providers].
func (s Server) Key() delivery.ProviderKey { return delivery.ProviderKey(keyPrefix + s.ID) }

var serverIDForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)

// check reports the first setting that is not valid.
func (s Server) check(loopback bool) error {
	if !serverIDForm.MatchString(s.ID) {
		return errors.New("id: not 1 to 64 of a-z, 0-9, dot, hyphen and underscore")
	}
	if s.Source <= 0 {
		return errors.New("source: not a positive number")
	}
	if strings.TrimSpace(s.Name) == "" || len(s.Name) > 200 {
		return errors.New("name: missing, or too long")
	}
	if s.Version != fhir.STU3 && s.Version != fhir.R4 {
		return fmt.Errorf("version: %q is neither STU3 nor R4", string(s.Version))
	}
	if err := checkURL(s.BaseURL, false, loopback); err != nil {
		return fmt.Errorf("base: %w", err)
	}
	if (s.AuthorizationEndpoint == "") != (s.TokenEndpoint == "") {
		return errors.New("authorize, token: give both, or neither")
	}
	if s.AuthorizationEndpoint != "" {
		if err := checkEndpoints(s.AuthorizationEndpoint, s.TokenEndpoint, loopback); err != nil {
			return err
		}
	}
	if s.RevocationEndpoint != "" {
		if s.TokenEndpoint == "" {
			return errors.New("revoke: give authorize and token too")
		}
		if err := checkURL(s.RevocationEndpoint, false, loopback); err != nil {
			return fmt.Errorf("revoke: %w", err)
		}
	}
	if s.ClientID == "" {
		return errors.New("clientId: missing")
	}
	if len(s.Scopes) == 0 {
		return errors.New("scopes: missing")
	}
	for _, scope := range s.Scopes {
		if !validScope(scope) {
			return fmt.Errorf("scopes: %q is not one scope", scope)
		}
	}
	if len(s.Roots) > 0 && !x509.NewCertPool().AppendCertsFromPEM(s.Roots) {
		return errors.New("roots: no certificate in PEM")
	}
	return nil
}

// validScope reports whether a text is one scope (RFC 6749, section 3.3).
func validScope(scope string) bool {
	return scope != "" && !strings.ContainsFunc(scope, func(c rune) bool {
		return c <= ' ' || c > '~' || c == '"' || c == '\\'
	})
}

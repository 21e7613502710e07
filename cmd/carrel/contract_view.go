package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

// contractView is the JSON of a contract.
type contractView struct {
	ID          wire.ContractID    `json:"contractId"`
	Application wire.ApplicationID `json:"applicationId"`
	Access      string             `json:"access"`
	Own         bool               `json:"own,omitempty"`
	// Scope is what a contract that reads may see.
	Scope        *library.Scope `json:"scope,omitempty"`
	Sandbox      bool           `json:"sandbox,omitempty"`
	RedirectURIs []string       `json:"redirectUris"`
	Purpose      string         `json:"purpose,omitempty"`
	Terms        string         `json:"terms,omitempty"`
	Privacy      string         `json:"privacy,omitempty"`
	Deletes      bool           `json:"deletesLibrary,omitempty"`
	PublicKey    string         `json:"publicKey"`
	OldPublicKey string         `json:"oldPublicKey,omitempty"`
	OldKeyUntil  *time.Time     `json:"oldKeyUntil,omitempty"`
	PrivateKey   string         `json:"privateKey,omitempty"`
	GrantFor     string         `json:"grantFor,omitempty"`
	Expires      time.Time      `json:"expires"`
	// Disabled is when the contract or its application was disabled, whichever was first.
	Disabled *time.Time `json:"disabled,omitempty"`
	State    string     `json:"state"`
	quotaView
	// sentence is the state for people.
	sentence string
}

func contractOf(c library.Client) contractView {
	k, now := c.Contract, time.Now()
	v := contractView{ID: k.ID, Application: k.Application, Access: "write", Own: k.Scope.Own,
		RedirectURIs: k.RedirectURIs, Purpose: k.Purpose, Terms: k.Terms, Privacy: k.Privacy,
		Deletes: k.DeletesLibrary, Sandbox: k.Sandbox,
		PublicKey: k.PublicKey, Expires: k.ExpiresAt, Disabled: ifSet(k.DisabledAt),
		quotaView: quotaOf(k.Quota)}
	if k.Access == library.Read {
		v.Access, v.Scope = "read", &k.Scope
	}
	if k.GrantFor != 0 {
		v.GrantFor = k.GrantFor.String()
	}
	if k.HasOldKey(now) {
		v.OldPublicKey, v.OldKeyUntil = k.OldPublicKey, &k.OldKeyExpiresAt
	}
	v.State, v.sentence = "active", state(v.Disabled)
	withApplication := ifSet(c.Application.DisabledAt)
	switch {
	case withApplication != nil && (v.Disabled == nil || withApplication.Before(*v.Disabled)):
		v.Disabled, v.sentence = withApplication, state(withApplication)+" with its application"
	case v.Disabled == nil && !now.Before(k.ExpiresAt):
		v.State, v.sentence = "expired", "expired "+k.ExpiresAt.Format(time.DateOnly)
	}
	if v.Disabled != nil {
		v.State = "disabled"
	}
	return v
}

// listClients lists the contracts of an application, with it. An empty application means all.
func listClients(
	ctx context.Context, clients *library.Clients, application wire.ApplicationID,
) ([]library.Client, error) {
	applications, err := clients.ListApplications(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[wire.ApplicationID]library.Application, len(applications))
	for _, a := range applications {
		byID[a.ID] = a
	}
	contracts, err := clients.ListContracts(ctx, application)
	if err != nil {
		return nil, err
	}
	return views(contracts, func(k library.Contract) library.Client {
		return library.Client{Application: byID[k.Application], Contract: k}
	}), nil
}

func printContracts(list []library.Client) error {
	row := func(v contractView) string {
		expires := v.Expires.Format(time.DateOnly)
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", v.ID, v.Access, v.Application, expires, v.sentence)
	}
	return printTable(views(list, contractOf), "CONTRACT ID\tACCESS\tAPPLICATION ID\tEXPIRES\tSTATE", row)
}

// printContract prints everything that an operator can say of a contract, but its keys.
// It leaves out what is used if that is nil.
func printContract(c library.Client, used *library.Used) error {
	v := contractOf(c)
	allows := v.Access
	switch {
	case v.Own:
		allows += " what the same application pushed"
	case v.Scope != nil && v.Scope.Raw && v.Scope.Mapped:
		allows += " what applications have pushed, and data of services"
	case v.Scope != nil && v.Scope.Raw:
		allows += " what applications have pushed"
	case v.Scope != nil:
		allows += " data of services"
	}
	if v.Deletes {
		allows += ", and delete a person's whole library"
	}
	if v.GrantFor == "" {
		v.GrantFor = "as the server says"
	}
	details := []detail{
		{"contract", string(v.ID)},
		{"application", fmt.Sprintf("%s (%s)", v.Application, c.Application.Name)},
		{"state", v.sentence},
		{"may", allows},
		{"services", servicesText(c.Contract.Scope)},
		{"period", periodText(c.Contract.Scope)},
		{"redirect URIs", strings.Join(v.RedirectURIs, " ")},
		{"purpose", v.Purpose},
		{"terms", v.Terms},
		{"privacy", v.Privacy},
		{"consents last", v.GrantFor},
		{"expires", v.Expires.Format(time.DateOnly)},
		{"key", fingerprint(v.PublicKey)},
	}
	if v.Sandbox {
		details = append(details, detail{"sandbox", "applications may skip the pages, for libraries with sample data"})
	}
	if v.OldKeyUntil != nil {
		details = append(details, detail{"old key", fmt.Sprintf("%s, until %s", fingerprint(v.OldPublicKey),
			v.OldKeyUntil.Format(time.RFC3339))})
	}
	return printDetails(append(details, quotaDetails(c.Contract.Quota, used)...))
}

// fingerprint returns the SHA-256 of a public key in DER, as openssl prints it.
func fingerprint(key string) string {
	parsed, err := wire.ParsePublicKey([]byte(key))
	if err != nil {
		return "none that can be used"
	}
	der, err := x509.MarshalPKIXPublicKey(parsed)
	if err != nil {
		return "none that can be used"
	}
	sum := sha256.Sum256(der)
	return "SHA-256 " + hex.EncodeToString(sum[:])
}

// unknownContract says that there is no such contract, and what to do.
func unknownContract(id string) error {
	return fmt.Errorf("no contract has the id %s. To see those that there are: carrel contract list", id)
}

package digime

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// A Contract is what an application may ask people for. All calls belong to a contract: its private key signs the
// requests and decrypts the files that are read. Create one with [Client.ParseContract]. It prints as its id.
type Contract struct {
	client *Client
	id     ContractID
	key    *rsa.PrivateKey
}

// ParseContract returns the contract with the given id and private key. The key is PEM in the form PKCS#1 ("RSA
// PRIVATE KEY") or PKCS#8 ("PRIVATE KEY") and has exactly 2048 bits, as the protocol requires. Changes that a key
// suffers in environment variables and configuration files are undone: a byte order mark, quotes, indentation, spaces
// or \n in place of line breaks, a certificate before the key. The error names what else is wrong, and contains
// nothing of the key. ParseContract sends nothing.
func (c *Client) ParseContract(id string, privateKey []byte) (*Contract, error) {
	if c == nil || c.base == nil {
		return nil, invalid("the client was not created with New")
	}
	if !wire.ValidID(id) {
		return nil, invalid("contract id %q is not 1 to 64 letters and digits", id)
	}
	key, err := wire.ParsePrivateKey(privateKey)
	if err != nil {
		return nil, invalid("contract %s: %w", id, err)
	}
	return &Contract{client: c, id: ContractID(id), key: key}, nil
}

// ID returns the id of the contract.
func (k Contract) ID() ContractID { return k.id }

// String returns the id of the contract.
func (k Contract) String() string { return "contract " + string(k.id) }

// Format prints String for every verb.
func (k Contract) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, k.String()) }

// LogValue returns the id of the contract.
func (k Contract) LogValue() slog.Value { return slog.StringValue(string(k.id)) }

// send makes a call under the contract.
func (k *Contract) send(ctx context.Context, cl call, handle func(*http.Response) error) error {
	if k == nil || k.client == nil {
		return invalid("no contract: see Client.ParseContract")
	}
	return k.client.send(ctx, k, cl, handle)
}

// callJSON makes a call under the contract and decodes its response into v.
func (k *Contract) callJSON(ctx context.Context, cl call, v any) error {
	return k.send(ctx, cl, jsonResponse{v, maxJSON}.read)
}

// AccessType is what a contract allows.
type AccessType string

// The access types.
const (
	// AccessRead allows to read.
	AccessRead AccessType = "r"
	// AccessWrite allows to push.
	AccessWrite AccessType = "w"
)

// ContractDetails is what the server knows about a contract. It marshals to the JSON of the protocol.
type ContractDetails struct {
	// ID is the id of the contract.
	ID ContractID
	// AccessType is what the contract allows.
	AccessType AccessType
	// Application is the application that the contract belongs to.
	Application ApplicationDetails
	// ExpiresAt is when the contract ends.
	ExpiresAt time.Time
	// PartnerID identifies the organisation that the contract belongs to.
	PartnerID string
	// Type is the form of Certificate: "json", or "x509" for a base64 certificate in DER.
	Type string
	// Certificate is the contract itself, in the form that Type says.
	Certificate string
	// CertificateContractSchemaVersion is the version of the contract's own format.
	CertificateContractSchemaVersion string
	// Scope is what a read contract may see. It is zero for a write contract, and if the server does not say it.
	Scope ContractScope
}

// ContractScope is what a read contract may see of a library. [ErrScopeOutOfBounds] refuses a session that asks for
// more.
type ContractScope struct {
	// Pushed says that it sees files that applications have pushed.
	Pushed bool
	// Own narrows these to the files of the same application.
	Own bool
	// Mapped says that it sees files from services that the person has connected.
	Mapped bool
	// ServiceGroups bound these by the type of their objects. The default is all.
	ServiceGroups []ServiceGroupScope
	// TimeRanges bound these by time, as they do in [Scope]: by whole files, and files without times always count. The
	// default is all.
	TimeRanges []TimeRange
}

// ApplicationDetails is what the server knows about an application.
type ApplicationDetails struct {
	// ID is the id of the application.
	ID ApplicationID `json:"id"`
	// Name is the name that people see.
	Name string `json:"name"`
	// Resources are further texts and addresses about the application, by name.
	Resources map[string]string `json:"resources"`
	// Status is a number of digi.me's own.
	Status int `json:"status"`
}

// GetDetails asks the server what it knows about the contract.
func (k *Contract) GetDetails(ctx context.Context) (ContractDetails, error) {
	var details ContractDetails
	err := k.callJSON(ctx, call{method: http.MethodGet, path: literal("permission-access/contract")}, &details)
	if err == nil && details.ID == "" {
		err = missing("contract id")
	}
	if err != nil {
		return ContractDetails{}, fmt.Errorf("get contract details: %w", err)
	}
	return details, nil
}

// MarshalJSON writes the JSON of the protocol.
func (d ContractDetails) MarshalJSON() ([]byte, error) {
	return json.Marshal(wire.ContractDetails{
		Scope: d.Scope.wire(), ID: wire.ContractID(d.ID), AccessType: string(d.AccessType),
		Application: wire.ApplicationDetails{
			ID: wire.ApplicationID(d.Application.ID), Name: d.Application.Name,
			Resources: d.Application.Resources, Status: d.Application.Status,
		},
		Certificate: d.Certificate, CertificateContractSchemaVersion: d.CertificateContractSchemaVersion,
		ExpirationDate: millisOf(d.ExpiresAt), PartnerID: d.PartnerID, Type: d.Type,
	})
}

// UnmarshalJSON reads the JSON of the protocol.
func (d *ContractDetails) UnmarshalJSON(data []byte) error {
	var w wire.ContractDetails
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*d = ContractDetails{
		Scope: contractScopeOf(w.Scope), ID: ContractID(w.ID), AccessType: AccessType(w.AccessType),
		Application: ApplicationDetails{
			ID: ApplicationID(w.Application.ID), Name: w.Application.Name,
			Resources: w.Application.Resources, Status: w.Application.Status,
		},
		Certificate: w.Certificate, CertificateContractSchemaVersion: w.CertificateContractSchemaVersion,
		ExpiresAt: timeOf(w.ExpirationDate), PartnerID: w.PartnerID, Type: w.Type,
	}
	return nil
}

// wire returns the scope of the protocol; nil for none.
func (s ContractScope) wire() *wire.ContractScope {
	if !s.Pushed && !s.Mapped {
		return nil
	}
	bounds := Scope{ServiceGroups: s.ServiceGroups, TimeRanges: s.TimeRanges}.wire()
	return &wire.ContractScope{Raw: s.Pushed, Own: s.Own, Mapped: s.Mapped, ServiceGroups: bounds.ServiceGroups,
		TimeRanges: bounds.TimeRanges}
}

// contractScopeOf returns the scope that the protocol says; zero for none.
func contractScopeOf(w *wire.ContractScope) ContractScope {
	if w == nil {
		return ContractScope{}
	}
	return ContractScope{
		Pushed: w.Raw, Own: w.Own, Mapped: w.Mapped,
		ServiceGroups: mapAll(w.ServiceGroups, func(g wire.ServiceGroup) ServiceGroupScope {
			return ServiceGroupScope{ID: ServiceGroupID(g.ID), Services: mapAll(g.ServiceTypes, serviceScopeOf)}
		}),
		TimeRanges: mapAll(w.TimeRanges, func(r wire.TimeRange) TimeRange {
			return TimeRange{From: timeOfSeconds(r.From), To: timeOfSeconds(r.To), Last: r.Last}
		}),
	}
}

func serviceScopeOf(t wire.ServiceType) ServiceScope {
	return ServiceScope{
		ID: ServiceID(t.ID),
		ObjectTypes: mapAll(t.ServiceObjectTypes, func(o wire.ServiceObjectType) ObjectTypeID {
			return ObjectTypeID(o.ID)
		}),
	}
}

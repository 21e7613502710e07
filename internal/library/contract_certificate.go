package library

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// contractSchema is the version of the text that a certificate holds of a contract.
const contractSchema = "5.0.0"

// contractExtension is the extension that holds it. The iOS SDK reads it from there.
var contractExtension = asn1.ObjectIdentifier{1, 2, 826, 0, 1, 6861219, 1}

// The cache of certificates: to sign one takes a few milliseconds, and anybody may ask for it.
const (
	certificateTTL  = time.Hour
	maxCertificates = 4096
)

// certificateContract is a contract as the iOS SDK reads it. What it does not have here it takes for unrestricted.
type certificateContract struct {
	SchemaVersion string            `json:"schemaVersion"`
	Name          string            `json:"name"`
	DataRequest   *certificateReads `json:"dataRequest,omitempty"`
	DataPush      *certificatePush  `json:"dataPush,omitempty"`
	Resources     map[string]string `json:"resources,omitempty"`
}

type certificatePush struct {
	Purpose string `json:"purpose"`
}

type certificateReads struct {
	Purpose       string             `json:"purpose"`
	ServiceGroups []certificateGroup `json:"serviceGroups,omitempty"`
	TimeRanges    []wire.TimeRange   `json:"timeRanges,omitempty"`
}

type certificateGroup struct {
	ID           int               `json:"id"`
	ServiceTypes []certificateType `json:"serviceTypes,omitempty"`
}

type certificateType struct {
	ID int `json:"id"`
	// ServiceObjectTypes are required by the iOS SDK; none means all.
	ServiceObjectTypes []wire.ServiceObjectType `json:"serviceObjectTypes"`
}

// ContractCertificate returns what everybody may know of a contract, with an X.509 certificate of its key that the
// server has signed. The certificate holds what the contract asks people for.
func (s *Signer) ContractCertificate(c Client) (wire.ContractDetails, error) {
	text, err := json.Marshal(contractText(c))
	if err != nil {
		return wire.ContractDetails{}, fmt.Errorf("encode contract %s: %w", c.Contract.ID, err)
	}
	serial := sha256.Sum256([]byte(fmt.Sprint(s.id, "\n", c.ID(), "\n", c.Contract.PublicKey, "\n",
		c.Contract.CreatedAt.Unix(), "\n", c.Contract.ExpiresAt.Unix(), "\n", string(text))))
	now := s.now()
	der, known := s.certificates.get(serial, now)
	if !known {
		if der, err = s.signContract(c, serial, text); err != nil {
			return wire.ContractDetails{}, fmt.Errorf("sign contract %s: %w", c.Contract.ID, err)
		}
		s.certificates.put(serial, der, now)
	}
	return c.details("x509", base64.StdEncoding.EncodeToString(der)), nil
}

func (s *Signer) signContract(c Client, serial [sha256.Size]byte, text []byte) ([]byte, error) {
	key, err := wire.ParsePublicKey([]byte(c.Contract.PublicKey))
	if err != nil {
		return nil, err
	}
	value, err := asn1.MarshalWithParams(string(text), "utf8")
	if err != nil {
		return nil, fmt.Errorf("encode contract: %w", err)
	}
	number := new(big.Int).SetBytes(serial[:16])
	certificate := &x509.Certificate{
		SerialNumber: number.Rsh(number, 1).Add(number, big.NewInt(1)),
		Subject:      pkix.Name{CommonName: string(c.Contract.ID), SerialNumber: string(c.Application.ID)},
		NotBefore:    c.Contract.CreatedAt.UTC(),
		NotAfter:     c.Contract.ExpiresAt.UTC(),
		// The key signs nothing else in this way: a token is text, and a certificate is not.
		SignatureAlgorithm: x509.SHA512WithRSAPSS,
		ExtraExtensions:    []pkix.Extension{{Id: contractExtension, Value: value}},
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "Carrel", SerialNumber: s.id}}
	return x509.CreateCertificate(rand.Reader, certificate, issuer, key, s.key)
}

// contractText returns what a certificate holds of a contract.
func contractText(c Client) certificateContract {
	text := certificateContract{SchemaVersion: contractSchema, Name: c.Application.Name, Resources: map[string]string{}}
	for name, address := range map[string]string{
		"termsAndConditions": c.Contract.Terms, "privacyPolicy": c.Contract.Privacy,
	} {
		if strings.HasPrefix(address, "https://") {
			text.Resources[name] = address
		}
	}
	if c.Contract.Access == Write {
		text.DataPush = &certificatePush{Purpose: c.Contract.Purpose}
		return text
	}
	text.DataRequest = &certificateReads{Purpose: c.Contract.Purpose, TimeRanges: c.Contract.Scope.TimeRanges}
	for _, g := range c.Contract.Scope.ServiceGroups {
		group := certificateGroup{ID: g.ID}
		for _, t := range g.ServiceTypes {
			group.ServiceTypes = append(group.ServiceTypes, certificateType{
				ID: t.ID, ServiceObjectTypes: append([]wire.ServiceObjectType{}, t.ServiceObjectTypes...),
			})
		}
		text.DataRequest.ServiceGroups = append(text.DataRequest.ServiceGroups, group)
	}
	return text
}

// details returns the details of a contract with a certificate of a type.
func (c Client) details(kind, certificate string) wire.ContractDetails {
	return wire.ContractDetails{
		ID:         c.Contract.ID,
		AccessType: string(c.Contract.Access),
		Application: wire.ApplicationDetails{
			ID: c.Contract.Application, Name: c.Application.Name, Resources: map[string]string{}, Status: 1,
		},
		Certificate:                      certificate,
		CertificateContractSchemaVersion: contractSchema,
		ExpirationDate:                   wire.MillisOf(c.Contract.ExpiresAt),
		PartnerID:                        c.Application.PartnerID,
		Type:                             kind,
		Scope:                            c.Contract.Scope.onWire(),
	}
}

// FindContract returns the client that may act now, for a call that anybody may make. It refuses any other with
// RefusedUnknown.
func (c *Clients) FindContract(ctx context.Context, id wire.ClientID) (Client, error) {
	client, err := c.getActive(ctx, id)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return Client{}, Unknown("Contract").Because(err)
	}
	return client, err
}

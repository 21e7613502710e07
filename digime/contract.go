package digime

import (
	"context"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/carrelhq/carrel/digime/wire"
)

// A Contract is what an application may ask people for, with the private key that
// signs the application's requests and opens the files it reads. It prints as its
// id alone.
type Contract struct {
	id  ContractID
	key *rsa.PrivateKey
}

// ParseContract reads a contract's private key from PEM, PKCS#1 ("RSA PRIVATE
// KEY") or PKCS#8 ("PRIVATE KEY"). The key has 2048 bits exactly: the protocol
// wraps the key of a file in 256 bytes. The error says what is wrong, and repeats
// nothing of the key.
func ParseContract(id string, privateKey []byte) (*Contract, error) {
	if !wire.ValidID(id) {
		return nil, fmt.Errorf("contract id %q is not 1 to 64 letters and digits", id)
	}
	key, err := wire.ParsePrivateKey(privateKey)
	if err != nil {
		return nil, fmt.Errorf("contract %s: %w", id, err)
	}
	return &Contract{id: ContractID(id), key: key}, nil
}

// ID is the contract's id.
func (c Contract) ID() ContractID { return c.id }

// String is the contract's id.
func (c Contract) String() string { return "contract " + string(c.id) }

// Format prints String, whatever the verb.
func (c Contract) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.String()) }

// LogValue is the contract's id.
func (c Contract) LogValue() slog.Value { return slog.StringValue(string(c.id)) }

// ContractDetails asks the server what it knows of the contract: its type, its
// application, until when it holds.
func (c *Client) ContractDetails(ctx context.Context, contract *Contract) (ContractDetails, error) {
	var details ContractDetails
	err := c.callJSON(ctx, contract, call{
		method: http.MethodGet, path: literal("permission-access/contract"),
	}, &details)
	return details, err
}

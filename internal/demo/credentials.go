package demo

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/outfile"
)

// Credentials are what an application needs to call a demo server: the clinic here, or any other application. A file
// with credentials contains private keys.
type Credentials struct {
	PublicURL     string                 `json:"publicUrl"`
	ApplicationID wire.ApplicationID     `json:"applicationId"`
	Callback      string                 `json:"callback"`
	Contracts     map[string]ContractKey `json:"contracts"`
	// Others are unrelated applications, which show that applications share nothing.
	Others []Credentials `json:"others,omitempty"`

	// Clinic is the redirect URI of the demo clinic.
	Clinic string `json:"clinicCallback,omitempty"`
	// Providers is the URL of the page that shows what the practice providers received.
	Providers string `json:"practiceProviders,omitempty"`
}

// ContractKey has a contract's id and its private key in PEM (PKCS#1).
type ContractKey struct {
	ContractID wire.ContractID `json:"contractId"`
	PrivateKey string          `json:"privateKey"`
}

// The names of the contracts.
const (
	WriteContract    = "write"
	ReadContract     = "read"
	ProviderContract = "provider"
)

// Register registers the demo's applications and contracts and returns their credentials. The contracts have two
// redirect URIs: callback is for other clients, and the demo does not listen on it; clinic is that of the demo clinic
// and may be empty.
func Register(ctx context.Context, clients *library.Clients, publicURL, callback, clinic string) (Credentials, error) {
	c, err := register(
		ctx,
		clients,
		library.Application{
			Name:    "Demo Clinic",
			About:   "Demo Clinic, an application to try things out with",
			Checked: true,
		},
		callback,
		clinic,
		WriteContract,
		ReadContract,
		ProviderContract,
	)
	if err != nil {
		return Credentials{}, err
	}
	other, err := register(
		ctx,
		clients,
		library.Application{Name: "Home Monitor", About: "Home Monitor, another application to try things out with"},
		callback,
		"",
		WriteContract,
		ReadContract,
	)
	if err != nil {
		return Credentials{}, err
	}
	c.PublicURL, c.Others = publicURL, []Credentials{other}
	return c, nil
}

// purposes has the text with which an application explains each contract.
var purposes = map[string]string{
	WriteContract: "We put your letters and lab results in your library, " +
		"so that you have them together in one place.",
	ReadContract:     "We show you what is in your library, so that you can see that it arrived.",
	ProviderContract: "We send your own measurements to your care provider.",
}

const terms = "These terms belong to a demonstration. The application runs on the same machine as the server, " +
	"and sends nothing anywhere else.\n\nDo not put real data in it."

func register(
	ctx context.Context,
	clients *library.Clients,
	a library.Application,
	callback, clinic string,
	kinds ...string,
) (Credentials, error) {
	a, err := clients.AddApplication(ctx, a)
	if err != nil {
		return Credentials{}, err
	}
	c := Credentials{ApplicationID: a.ID, Callback: callback, Clinic: clinic, Contracts: map[string]ContractKey{}}
	scheme := "digime-ca-" + string(a.ID)
	uris := []string{callback, scheme + "://auth", scheme + "://service", scheme + "://revoke", "digime-ca://callback"}
	if clinic != "" {
		uris = append(uris, clinic)
	}
	for _, kind := range kinds {
		key, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
		if err != nil {
			return Credentials{}, fmt.Errorf("generate key of contract: %w", err)
		}
		k := library.Contract{
			Application:  a.ID,
			Access:       library.Write,
			PublicKey:    string(wire.MarshalPublicKey(&key.PublicKey)),
			RedirectURIs: uris,
			Purpose:      purposes[kind],
			Terms:        terms,
			Privacy:      terms,
			Sandbox:      true,
		}
		if kind == ReadContract {
			k.Access, k.Scope = library.Read, library.Scope{Raw: true, Mapped: true}
		}
		if k, err = clients.AddContract(ctx, k); err != nil {
			return Credentials{}, err
		}
		c.Contracts[kind] = ContractKey{k.ID, string(wire.MarshalPrivateKey(key))}
	}
	return c, nil
}

// ReadCredentials reads a credentials file. If the file does not exist, the error matches [fs.ErrNotExist].
func ReadCredentials(path string) (Credentials, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	var c Credentials
	if err := json.Unmarshal(text, &c); err != nil {
		return Credentials{}, fmt.Errorf("read credentials %s: %w", path, err)
	}
	return c, nil
}

// WriteFile writes the credentials to a file that only its owner can read.
func (c Credentials) WriteFile(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode credentials: %w", err)
	}
	if err := outfile.WriteSecret(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	return nil
}

// LoadOrRegister reads the credentials file of a data folder. If there is none, it registers the applications and
// writes the file. It returns an error if the credentials are for other addresses, because the contracts contain
// redirect URIs.
func LoadOrRegister(
	ctx context.Context,
	clients *library.Clients,
	path, publicURL, callback, clinic string,
) (Credentials, error) {
	c, err := ReadCredentials(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if c, err = Register(ctx, clients, publicURL, callback, clinic); err != nil {
			return Credentials{}, err
		}
		return c, c.WriteFile(path)
	case err != nil:
		return Credentials{}, err
	case c.PublicURL != publicURL || c.Callback != callback || clinic != "" && c.Clinic != clinic:
		return Credentials{}, fmt.Errorf(
			"this data folder was made for %s with callbacks %s and %s: use the same addresses or another folder",
			c.PublicURL,
			c.Callback,
			c.Clinic,
		)
	}
	return c, nil
}

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/outfile"
)

type clientCmd struct {
	Authorize    clientAuthorize    `cmd:"" help:"Ask a person for consent, in their browser, and keep the token."`
	Push         clientPush         `cmd:"" help:"Push a file into the person's library."`
	List         clientList         `cmd:"" help:"List what may be read."`
	Read         clientRead         `cmd:"" help:"Read one file, or all of them."`
	Report       clientReport       `cmd:"" help:"Get the report of what was collected from which source when."`
	Accounts     clientAccounts     `cmd:"" help:"List what the person has connected."`
	PushProvider clientPushProvider `cmd:"" help:"Push a FHIR resource or Bundle to the person's provider."`
	Deliveries   clientDeliveries   `cmd:"" help:"List what was pushed to providers, and how far it is."`
	Storage      clientStorage      `cmd:"" help:"Keep files of the application's own for the person, encrypted."`
	Reauthorize  clientReauthorize  `cmd:"" help:"Send the person to connect a provider again that does not let the server in any longer."`
	Contract     clientContract     `cmd:"" help:"Show what the server knows of a contract."`
}

// Help is what --help adds.
func (clientCmd) Help() string {
	return `The main job, against a demo that runs beside:

  carrel demo --credentials demo.json &
  export CARREL_CREDENTIALS=demo.json
  carrel client authorize --contract write
  carrel client push letter.pdf
  carrel client authorize --contract read --link write
  carrel client list
  carrel client read letter.pdf --output copy.pdf

And to a provider:

  carrel client authorize --contract provider --source-type push
  carrel client push-provider bloodpressure.json
  carrel client deliveries`
}

// credentials identify the client and the server. Flags have precedence over the file.
type credentials struct {
	Credentials string `help:"Credentials file, as carrel demo --credentials writes it." env:"CARREL_CREDENTIALS"`
	URL         string `help:"Public URL of the server; without one and without a file, digi.me itself." name:"url"`
	Application string `help:"Application id."`
	Key         string `help:"File of the contract's private key, PEM; --contract is then its id." type:"existingfile"`
	Token       string `help:"Token file. Default: beside the credentials file, one for each contract." type:"path"`
}

// connection is one contract of a client.
type connection struct {
	contract *digime.Contract
	callback string
	tokens   func(digime.ContractID) string // the file of a contract's token
	ids      map[string]digime.ContractID   // contracts by their name in the credentials file
}

// connect returns the contract with this name in the credentials file or, with --key, with this id. It sends nothing.
func (c *credentials) connect(contract string) (*connection, error) {
	var file demo.Credentials
	if c.Credentials != "" {
		var err error
		if file, err = demo.ReadCredentials(c.Credentials); err != nil {
			return nil, err
		}
	}
	conn := &connection{callback: file.Callback, tokens: c.tokenFile, ids: map[string]digime.ContractID{}}
	for name, k := range file.Contracts {
		conn.ids[name] = digime.ContractID(k.ContractID)
	}
	id, key := contract, []byte(file.Contracts[contract].PrivateKey)
	switch {
	case c.Key != "":
		var err error
		if key, err = os.ReadFile(c.Key); err != nil {
			return nil, fmt.Errorf("read private key: %w", err)
		}
	case len(key) == 0 && c.Credentials == "":
		return nil, errors.New("give --credentials, or --application, --contract and --key")
	case len(key) == 0:
		return nil, fmt.Errorf("%s has no contract %q", c.Credentials, contract)
	}
	if named, ok := conn.ids[contract]; ok {
		id = string(named)
	}
	application, options := c.Application, []digime.Option(nil)
	if application == "" {
		application = string(file.ApplicationID)
	}
	if url := cmp.Or(c.URL, file.PublicURL); url != "" {
		options = append(options, digime.WithServer(url))
	}
	client, err := digime.New(application, options...)
	if err != nil {
		return nil, err
	}
	if conn.contract, err = client.ParseContract(id, key); err != nil {
		return nil, err
	}
	return conn, nil
}

// tokenFile returns the path of the file of a contract's token.
func (c *credentials) tokenFile(id digime.ContractID) string {
	if c.Token != "" {
		return c.Token
	}
	return filepath.Join(filepath.Dir(c.Credentials), "token-"+string(id)+".json")
}

// user returns the user of a contract: who has agreed to it last.
func (c *credentials) user(contract string) (*digime.User, error) {
	conn, err := c.connect(contract)
	if err != nil {
		return nil, err
	}
	return conn.user()
}

// user returns the person whose token was saved. A refreshed token replaces it.
func (c *connection) user() (*digime.User, error) {
	path := c.tokens(c.contract.ID())
	token, err := readToken(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("nobody has agreed to %s yet: run carrel client authorize (no %s)", c.contract, path)
	}
	if err != nil {
		return nil, err
	}
	save := func(_ context.Context, token digime.UserAccessToken) error { return writeToken(path, token) }
	return c.contract.User(token, digime.OnTokenChange(save)), nil
}

func readToken(path string) (digime.UserAccessToken, error) {
	var token digime.UserAccessToken
	text, err := os.ReadFile(path)
	if err != nil {
		return token, fmt.Errorf("read token: %w", err)
	}
	if err := json.Unmarshal(text, &token); err != nil {
		return token, fmt.Errorf("read token %s: %w", path, err)
	}
	return token, nil
}

// writeToken saves a token so that only its owner can read it. The old file stays until the new one is complete.
func writeToken(path string, token digime.UserAccessToken) error {
	text, err := json.Marshal(token)
	if err != nil {
		return fmt.Errorf("encode token: %w", err)
	}
	if err := outfile.WriteSecret(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	return nil
}

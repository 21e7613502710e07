package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/outfile"
)

type contractCmd struct {
	Add     contractAdd     `cmd:"" help:"Register a contract and generate its key pair."`
	Edit    contractEdit    `cmd:"" help:"Change a contract: its texts, redirect URIs, key, or what it allows."`
	List    contractList    `cmd:"" help:"List contracts."`
	Show    contractShow    `cmd:"" help:"Show one contract."`
	Disable contractDisable `cmd:"" help:"Disable a contract at once."`
	Enable  contractEnable  `cmd:"" help:"Enable a disabled contract again."`
}

type contractAdd struct {
	stores
	scopeFlags
	Application string        `help:"Application id." required:""`
	Access      string        `help:"What the application may do: read or write." enum:"read,write" required:""`
	RedirectURI []string      `help:"Redirect URI of the application; repeat for more." required:"" sep:"none"`
	ID          string        `help:"Contract id, letters and digits; generated if missing."`
	PublicKey   string        `help:"File with the public key in PEM, RSA of 2048 bits. Default: generate a key pair, and print the private key once." type:"existingfile"`
	Delete      bool          `name:"may-delete-library" help:"Let the application delete a person's whole library, as its consent page then says. Without it, the call \"delete user\" ends only the application's own access."`
	Own         bool          `help:"Read only files that the same application pushed."`
	Sandbox     bool          `help:"For trying things out: an application may skip the pages and get a library with sample data that nobody signs in to."`
	Purpose     string        `help:"Purpose, in the application's own words to the person."`
	Terms       string        `help:"Terms of use: an https URL, or @FILE with plain text."`
	Privacy     string        `help:"Privacy statement: an https URL, or @FILE with plain text."`
	GrantFor    time.Duration `help:"Lifetime of a consent; the server's default if missing."`
	Valid       time.Duration `help:"Lifetime of the contract itself; ten years if missing."`
	Out         string        `help:"Write the private key to this new file, which only you can read: in PEM, or the contract with the key in JSON with --json." type:"path" placeholder:"FILE"`
	JSON        bool          `help:"Print JSON."`
}

// Help is what --help adds.
func (contractAdd) Help() string {
	return `Examples:

  carrel contract add --application ID --access write --redirect-uri https://clinic.example.org/back \
      --purpose "We put your lab results in your library." --out write-contract.pem
  carrel contract add --application ID --access read --redirect-uri https://music.example.org/back \
      --collected-only --services 5/19/406 --period 1y --out read-contract.pem

The server stores the public key only: the private key is in the file, or printed, this once.`
}

// Run registers the contract.
func (c *contractAdd) Run(ctx context.Context) error {
	k := library.Contract{
		ID: wire.ContractID(c.ID), Application: wire.ApplicationID(c.Application), Access: library.Write,
		RedirectURIs: c.RedirectURI, Purpose: c.Purpose, GrantFor: c.GrantFor, DeletesLibrary: c.Delete,
		Sandbox: c.Sandbox,
	}
	if c.Access == "read" {
		k.Access = library.Read
		k.Scope = library.Scope{Raw: true, Mapped: !c.Own, Own: c.Own}
	}
	if err := c.scopeFlags.apply(&k); err != nil {
		return err
	}
	if c.Valid != 0 {
		k.ExpiresAt = time.Now().Add(c.Valid)
	}
	var err error
	if k.Terms, err = textOf(c.Terms); err != nil {
		return err
	}
	if k.Privacy, err = textOf(c.Privacy); err != nil {
		return err
	}
	private, err := c.key(&k)
	if err != nil {
		return err
	}
	if c.Out != "" {
		return c.addTo(ctx, k, private)
	}
	if private != "" {
		if err := restrictOutput(); err != nil {
			return err
		}
	}
	added, err := c.add(ctx, k)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(withKey(added, private))
	}
	if err := printContracts([]library.Client{added}); err != nil {
		return err
	}
	if private != "" {
		fmt.Printf("\nThe private key, shown this once. Give it to the developer by a safe way:\n\n%s", private)
	}
	return nil
}

func (c *contractAdd) add(ctx context.Context, k library.Contract) (added library.Client, err error) {
	r := recordOf("contract add").add("application", c.Application)
	err = c.change(ctx, changing, r, func(clients *library.Clients) error {
		contract, err := clients.AddContract(ctx, k)
		if errors.Is(err, library.ErrNotFound) {
			return unknownApplication(c.Application)
		}
		if err != nil {
			return err
		}
		r.add("contract", string(contract.ID)).add("key", fingerprint(contract.PublicKey))
		added, err = clients.GetClientOfContract(ctx, contract.ID)
		return err
	})
	return added, err
}

func withKey(k library.Client, private string) contractView {
	v := contractOf(k)
	v.PrivateKey = private
	return v
}

// addTo registers the contract and writes the private key to a new file. The file is made first: a key that cannot be
// written would be lost.
func (c *contractAdd) addTo(ctx context.Context, k library.Contract, private string) error {
	if private == "" {
		return errors.New("--out is for the private key, and --public-key says that you have one")
	}
	var added library.Client
	err := outfile.CreateSecret(c.Out, func(w io.Writer) (err error) {
		if added, err = c.add(ctx, k); err != nil {
			return err
		}
		if c.JSON {
			return encodeJSON(w, withKey(added, private))
		}
		_, err = io.WriteString(w, private)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: nothing was registered. Give --out another file, or move this one", c.Out)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(contractOf(added))
	}
	if err := printContracts([]library.Client{added}); err != nil {
		return err
	}
	fmt.Printf("\nThe private key is in %s, which only you can read. Give it to the developer by a safe way.\n", c.Out)
	return nil
}

// restrictOutput makes a file to which the standard output is redirected readable for its owner only, before a private
// key is printed.
func restrictOutput() error {
	restricted, err := outfile.Restrict(os.Stdout)
	if err != nil {
		return fmt.Errorf("the private key would be printed to a file that others may read: use --out FILE: %w", err)
	}
	if restricted {
		fmt.Fprintln(os.Stderr, "carrel: the file with the private key is readable for you only now (mode 0600); "+
			"--out FILE makes it so from the beginning")
	}
	return nil
}

// key sets the public key from the flag, or generates a pair and returns the private key.
func (c *contractAdd) key(k *library.Contract) (private string, err error) {
	if c.PublicKey != "" {
		text, err := os.ReadFile(c.PublicKey)
		if err != nil {
			return "", fmt.Errorf("read public key: %w", err)
		}
		k.PublicKey = string(text)
		return "", nil
	}
	k.PublicKey, private, err = newKeyPair()
	return private, err
}

// newKeyPair returns a new key pair in PEM.
func newKeyPair() (public, private string, err error) {
	pair, err := rsa.GenerateKey(rand.Reader, wire.KeyBits)
	if err != nil {
		return "", "", fmt.Errorf("generate key pair: %w", err)
	}
	return string(wire.MarshalPublicKey(&pair.PublicKey)), string(wire.MarshalPrivateKey(pair)), nil
}

// textOf returns the text of an option: the option itself or, after an @, the text of a file.
func textOf(option string) (string, error) {
	name, isFile := strings.CutPrefix(option, "@")
	if !isFile {
		return option, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read text: %w", err)
	}
	return string(text), nil
}

type contractList struct {
	stores
	Application string `help:"List only contracts of this application."`
	JSON        bool   `help:"Print JSON."`
}

// Run lists the contracts.
func (c *contractList) Run(ctx context.Context) error {
	return c.with(ctx, reading, func(clients *library.Clients) error {
		list, err := listClients(ctx, clients, wire.ApplicationID(c.Application))
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(views(list, contractOf))
		}
		return printContracts(list)
	})
}

type contractShow struct {
	stores
	ID   string `arg:"" help:"Contract id."`
	JSON bool   `help:"Print JSON."`
}

// Run shows one contract.
func (c *contractShow) Run(ctx context.Context) error {
	return c.with(ctx, reading, func(clients *library.Clients) error {
		client, err := clients.GetClientOfContract(ctx, wire.ContractID(c.ID))
		if errors.Is(err, library.ErrNotFound) {
			return unknownContract(c.ID)
		}
		if err != nil {
			return err
		}
		list, err := clients.SumUsage(ctx, client.Application.ID)
		if err != nil {
			return err
		}
		used := usedWith(list, client.Contract.ID)
		if c.JSON {
			v := contractOf(client)
			v.UsedFiles, v.UsedBytes = &used.Files, &used.Bytes
			return printJSON(v)
		}
		return printContract(client, &used)
	})
}

type contractDisable struct {
	stores
	ID string `arg:"" help:"Contract id."`
}

// Run disables the contract.
func (c *contractDisable) Run(ctx context.Context) error {
	return c.switchClient(ctx, clientSwitch{
		verb: "disable", noun: "contract", id: c.ID, unknown: unknownContract,
		disabledAt: func(clients *library.Clients) (time.Time, error) {
			client, err := clients.GetClientOfContract(ctx, wire.ContractID(c.ID))
			return client.Contract.DisabledAt, err
		},
		apply: func(clients *library.Clients) error {
			return clients.DisableContract(ctx, wire.ContractID(c.ID))
		},
		done: "Disabled. Its requests are refused from now on; what people have in their libraries stays.\n" +
			"To undo it: carrel contract enable " + c.ID,
	})
}

type contractEnable struct {
	stores
	ID string `arg:"" help:"Contract id."`
}

// Run enables the contract.
func (c *contractEnable) Run(ctx context.Context) error {
	return c.switchClient(ctx, clientSwitch{
		verb: "enable", noun: "contract", id: c.ID, unknown: unknownContract,
		disabledAt: func(clients *library.Clients) (time.Time, error) {
			client, err := clients.GetClientOfContract(ctx, wire.ContractID(c.ID))
			return client.Contract.DisabledAt, err
		},
		apply: func(clients *library.Clients) error {
			return clients.EnableContract(ctx, wire.ContractID(c.ID))
		},
		done: "Enabled. Its requests are accepted again, with the consents that are still in force, unless its " +
			"application is disabled.",
	})
}

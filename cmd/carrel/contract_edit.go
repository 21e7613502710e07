package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/outfile"
)

type contractEdit struct {
	stores
	scopeFlags
	ID          string         `arg:"" help:"Contract id."`
	RedirectURI []string       `help:"Redirect URI of the application, in place of all that are registered; repeat for more." sep:"none"`
	Purpose     *string        `help:"Purpose, in the application's own words to the person."`
	Terms       *string        `help:"Terms of use: an https URL, or @FILE with plain text."`
	Privacy     *string        `help:"Privacy statement: an https URL, or @FILE with plain text."`
	GrantFor    *time.Duration `help:"Lifetime of the consents that people give from now on; 0s for the server's default."`
	Valid       *time.Duration `help:"Lifetime of the contract itself, from now on."`
	NewKey      bool           `help:"Generate a key pair, and write the private key to the file of --out."`
	PublicKey   string         `help:"File with another public key in PEM, RSA of 2048 bits." type:"existingfile"`
	OldKeyFor   *time.Duration `help:"How long the key before still counts, from now on; 168h if missing. 0s ends it at once: for a key that has leaked."`
	Out         string         `help:"Write the new private key to this new file, which only you can read: in PEM, or the contract with the key in JSON with --json." type:"path" placeholder:"FILE"`
	Access      string         `help:"What the application may do: read or write. Ends consents." enum:",read,write" default:""`
	Own         *bool          `help:"Read only files that the same application pushed. Ends consents." negatable:""`
	Delete      *bool          `name:"may-delete-library" help:"Let the application delete a person's whole library. Ends consents." negatable:""`
	Sandbox     *bool          `help:"For trying things out: an application may skip the pages and get a library with sample data that nobody signs in to." negatable:""`
	Yes         bool           `help:"Do it although people have to be asked again. Without it, the command says how many."`
	JSON        bool           `help:"Print JSON."`

	Quota      *quotaFlag `help:"Most bytes that are stored with it in all libraries, such as 10GB; none for no limit, default for the setting of the server." placeholder:"SIZE"`
	QuotaFiles *quotaFlag `help:"Most files that are stored with it in all libraries; none, or default." placeholder:"NUMBER"`
}

// Help is what --help adds.
func (contractEdit) Help() string {
	return `Examples:

  carrel contract edit ID --purpose "We put your lab results in your library."
  carrel contract edit ID --new-key --out new.pem --old-key-for 336h

Texts, redirect URIs, lifetimes and keys can be changed without asking anybody again. What the contract allows
(--access, --own, --services, --period, --collected-only, --may-delete-library) cannot: people have allowed what it was.
Their consents count again if the contract allows the same again.

With a new key, requests count that are signed with either one, until the old key ends. An application reads files with
the key that it signs with. A contract has two keys at most. Servers learn of a change within a second.`
}

// defaultOldKeyFor is how long the old key of a contract counts after it got another.
const defaultOldKeyFor = 7 * 24 * time.Hour

// Run changes the contract.
func (c *contractEdit) Run(ctx context.Context) error {
	switch {
	case c.NewKey && c.PublicKey != "":
		return errors.New("--new-key and --public-key exclude each other")
	case c.NewKey && c.Out == "":
		return errors.New("--new-key needs --out FILE, for the private key")
	case c.Out != "" && !c.NewKey:
		return errors.New("--out is for the private key that --new-key generates")
	}
	if len(c.changes()) == 0 {
		return errors.New("there is nothing to change: say what, such as --purpose TEXT")
	}
	r := recordOf("contract edit").add("contract", c.ID).add("changed", strings.Join(c.changes(), ","))
	return c.change(ctx, changing, r, func(clients *library.Clients) error {
		client, err := clients.GetClientOfContract(ctx, wire.ContractID(c.ID))
		if errors.Is(err, library.ErrNotFound) {
			return unknownContract(c.ID)
		}
		if err != nil {
			return err
		}
		now := time.Now()
		edited, err := c.edit(client.Contract, now)
		if err != nil {
			return err
		}
		warnings, err := c.checkServices(edited.Scope)
		if err != nil {
			return err
		}
		private, err := c.setKey(&edited, now)
		if err != nil {
			return err
		}
		if edited.PublicKey != client.Contract.PublicKey {
			r.add("key", fingerprint(edited.PublicKey))
		}
		ended, err := c.confirm(ctx, clients, client.Contract, edited)
		if err != nil {
			return err
		}
		if ended > 0 {
			r.add("consents-ended", strconv.Itoa(ended))
		}
		if err := c.update(ctx, clients, client.Contract, edited, private); err != nil {
			return err
		}
		printWarnings(warnings)
		return nil
	})
}

// edit returns the contract with everything that the flags change, but its keys.
func (c *contractEdit) edit(k library.Contract, now time.Time) (library.Contract, error) {
	if c.RedirectURI != nil {
		k.RedirectURIs = c.RedirectURI
	}
	if c.Purpose != nil {
		k.Purpose = *c.Purpose
	}
	for _, text := range []struct{ option, into *string }{{c.Terms, &k.Terms}, {c.Privacy, &k.Privacy}} {
		if text.option == nil {
			continue
		}
		var err error
		if *text.into, err = textOf(*text.option); err != nil {
			return k, err
		}
	}
	if c.GrantFor != nil {
		k.GrantFor = *c.GrantFor
	}
	if c.Valid != nil {
		k.ExpiresAt = now.Add(*c.Valid)
	}
	if c.Quota != nil {
		k.Quota.Bytes = c.Quota.limit
	}
	if c.QuotaFiles != nil {
		k.Quota.Files = c.QuotaFiles.limit
	}
	if c.Delete != nil {
		k.DeletesLibrary = *c.Delete
	}
	if c.Sandbox != nil {
		k.Sandbox = *c.Sandbox
	}
	switch {
	case c.Access == "read" && k.Access != library.Read:
		k.Access, k.Scope = library.Read, library.Scope{Raw: true, Mapped: true}
	case c.Access == "write":
		k.Access, k.Scope = library.Write, library.Scope{}
	}
	if c.Own != nil && k.Access != library.Read {
		return k, errors.New("--own is for a contract that reads")
	}
	if c.Own != nil {
		k.Scope.Own, k.Scope.Mapped = *c.Own, !*c.Own
		if *c.Own {
			k.Scope.Raw, k.Scope.ServiceGroups, k.Scope.TimeRanges = true, nil, nil
		}
	}
	return k, c.scopeFlags.apply(&k)
}

// setKey gives the contract another key, or its old one another end. It returns the private key if it generates one.
func (c *contractEdit) setKey(k *library.Contract, now time.Time) (private string, err error) {
	oldUntil := now.Add(defaultOldKeyFor)
	if c.OldKeyFor != nil {
		oldUntil = now.Add(*c.OldKeyFor)
	}
	var public string
	switch {
	case c.NewKey:
		if public, private, err = newKeyPair(); err != nil {
			return "", err
		}
	case c.PublicKey != "":
		text, err := os.ReadFile(c.PublicKey)
		if err != nil {
			return "", fmt.Errorf("read public key: %w", err)
		}
		public = string(text)
	case c.OldKeyFor != nil:
		*k, err = k.EndOldKey(now, oldUntil)
		return "", err
	default:
		return "", nil
	}
	*k, err = k.WithKey(public, oldUntil)
	return private, err
}

// confirm returns how many consents end, and an error if there are some and the operator has not said that this is
// right.
func (c *contractEdit) confirm(
	ctx context.Context, clients *library.Clients, was, edited library.Contract,
) (ending int, err error) {
	if was.Allowed() == edited.Allowed() {
		return 0, nil
	}
	if ending, err = clients.CountConsents(ctx, was); err != nil {
		return 0, err
	}
	back, err := clients.CountConsents(ctx, edited)
	if err != nil {
		return 0, err
	}
	again := ""
	if back > 0 {
		again = fmt.Sprintf("; %s from before %s again", count(back, "consent"), plural(back, "counts", "count"))
	}
	if ending > 0 && !c.Yes {
		return 0, fmt.Errorf(
			"nothing was changed: the contract would allow something else, and the people of %s would "+
				"have to be asked again%s. Run the command with --yes if this is right",
			count(ending, "consent"),
			again,
		)
	}
	// On the standard error: the standard output may be JSON.
	fmt.Fprintf(os.Stderr, "carrel: the contract allows something else now: %s to be asked again%s\n",
		plural(ending, "the person of 1 consent has", fmt.Sprintf("the people of %d consents have", ending)), again)
	return ending, nil
}

// update stores the contract, and the private key first, because one that cannot be written would be lost.
func (c *contractEdit) update(
	ctx context.Context, clients *library.Clients, was, edited library.Contract, private string,
) error {
	var updated library.Client
	store := func() error {
		err := clients.UpdateContract(ctx, was, edited)
		if errors.Is(err, library.ErrChanged) {
			return fmt.Errorf("somebody else has changed contract %s meanwhile: nothing was changed. Look at it with "+
				"carrel contract show, and run the command again", was.ID)
		}
		if err != nil {
			return err
		}
		updated, err = clients.GetClientOfContract(ctx, was.ID)
		return err
	}
	if private == "" {
		if err := store(); err != nil {
			return err
		}
		return c.print(updated)
	}
	err := outfile.CreateSecret(c.Out, func(w io.Writer) error {
		if err := store(); err != nil {
			return err
		}
		if c.JSON {
			return encodeJSON(w, withKey(updated, private))
		}
		_, err := io.WriteString(w, private)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: nothing was changed. Give --out another file, or move this one", c.Out)
	}
	if err != nil {
		return err
	}
	return c.print(updated)
}

func (c *contractEdit) print(updated library.Client) error {
	if c.JSON {
		return printJSON(contractOf(updated))
	}
	if err := printContract(updated, nil); err != nil {
		return err
	}
	fmt.Printf("\nChanged: %s.\n", strings.Join(c.changes(), ", "))
	if c.Out != "" {
		fmt.Printf("The new private key is in %s, which only you can read. Give it to the developer by a safe way.\n",
			c.Out)
	}
	return nil
}

// changes lists what the flags change.
func (c *contractEdit) changes() (names []string) {
	given := map[string]bool{
		"redirect URIs": c.RedirectURI != nil, "purpose": c.Purpose != nil, "terms": c.Terms != nil,
		"privacy statement": c.Privacy != nil, "lifetime of consents": c.GrantFor != nil, "expiry": c.Valid != nil,
		"key": c.NewKey || c.PublicKey != "", "end of the old key": c.OldKeyFor != nil, "access": c.Access != "",
		"scope": c.Own != nil || c.scopeFlags.given(), "sandbox": c.Sandbox != nil,
		"right to delete": c.Delete != nil, "quota": c.Quota != nil,
		"quota of files": c.QuotaFiles != nil,
	}
	for name, yes := range given {
		if yes {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

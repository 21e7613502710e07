package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/store"
)

type keysCmd struct {
	List   keysList   `cmd:"" help:"List the master keys and what each has sealed."`
	Rotate keysRotate `cmd:"" help:"Add a master key, and encrypt with it what the older keys have encrypted."`
	Reset  keysReset  `cmd:"" help:"Give up what lost master keys have sealed, so that the server starts with others."`
}

type keysList struct {
	stores
	JSON bool `help:"Print JSON."`
}

// keyView is the JSON of a key.
type keyView struct {
	ID      string                `json:"id"`
	Newest  bool                  `json:"newest"`
	Missing bool                  `json:"missing"`
	Holds   map[store.BoxKind]int `json:"holds"`
}

// Run lists the keys.
func (c *keysList) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return err
	}
	uses, err := server.ListKeys(ctx, c.config())
	if err != nil {
		return err
	}
	list := views(uses, func(u server.KeyUse) keyView { return keyView{u.ID, u.Newest, !u.Known, u.Boxes} })
	if c.JSON {
		return printJSON(list)
	}
	return printTable(list, "KEY\tSTATE\tHOLDS", func(v keyView) string {
		state := "old"
		switch {
		case v.Newest:
			state = "newest"
		case v.Missing:
			state = "not in the keyring"
		}
		var holds []string
		for _, kind := range store.BoxKinds() {
			if n := v.Holds[kind]; n > 0 {
				holds = append(holds, fmt.Sprintf("%s: %d", kind, n))
			}
		}
		if len(holds) == 0 {
			holds = []string{"nothing"}
		}
		return fmt.Sprintf("%s\t%s\t%s", v.ID, state, strings.Join(holds, ", "))
	})
}

type keysRotate struct {
	stores
	AddOnly bool `help:"Only add a key. With several servers that have files of their own: copy the file to each, then rotate."`
	DropOld bool `help:"Remove the older keys from the file in the end. Backups of the database from before still need them."`
}

// Help is what --help adds.
func (keysRotate) Help() string {
	return `Servers may run meanwhile: one that uses the same file learns of the new key within a second. If the command
is interrupted, run it again: it goes on, with the same key. If an older key is still in use, or is still in the file
with --drop-old, the command finishes that rotation and adds no key: to replace the newest one, run it again.

Keep a copy of the file with the old keys for as long as you keep backups of the database from before.`
}

// Run rotates the keys.
func (c *keysRotate) Run(ctx context.Context) error {
	if c.AddOnly && c.DropOld {
		return errors.New("--add-only and --drop-old exclude each other")
	}
	if err := c.checkGiven(); err != nil {
		return err
	}
	r, err := server.RotateKeys(ctx, c.config(), server.RotateOptions{AddOnly: c.AddOnly, DropOld: c.DropOld})
	if err == nil || r.Added != "" {
		recordOf("keys rotate").add("added", r.Added).add("newest", r.Newest).
			add("dropped", strings.Join(r.Dropped, ",")).ran(ctx, &c.stores, err)
	}
	if r.Added != "" {
		fmt.Printf("Added key %s to %s. Back up the file.\n", r.Added, c.masterKeyFile())
	}
	if err != nil {
		return err
	}
	if c.AddOnly {
		fmt.Println("Nothing is encrypted with it yet. Give the file to every server, and run carrel keys rotate.")
		return nil
	}
	fmt.Printf("Encrypted %s of the server again; all of them are sealed with key %s now.\n",
		count(r.Encrypted, "secret"), r.Newest)
	for _, id := range r.Dropped {
		fmt.Printf("Removed key %s from %s. Backups from before need it: "+
			"keep a copy of the file that has it as long as those.\n", id, c.masterKeyFile())
	}
	if r.Added == "" {
		again := "carrel keys rotate"
		if c.DropOld {
			again += " --drop-old"
		}
		fmt.Printf("No key was added: this finished an earlier rotation, to key %s, which stays in use. "+
			"To replace that key too, for example because it has leaked, run %s again.\n", r.Newest, again)
	}
	return nil
}

type keysReset struct {
	stores
	Yes confirmation `help:"Do it. Without this, the command says what would be lost. If there is a keyring that opens all of it or nothing, give the id of its newest key: --yes=ID." placeholder:"ID"`
}

// Help is what --help adds.
func (keysReset) Help() string {
	return `For master keys that are lost for good. People's files are not affected: the master keys do not open them.

Stop every server first: the command refuses a database that one uses. The next start makes a new master key, unless
there is a file.`
}

// Run says what would be lost, or gives it up.
func (c *keysReset) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return err
	}
	r, err := server.InspectReset(ctx, c.config())
	if err != nil {
		return err
	}
	refusal := c.refusal(r)
	verb := "would be"
	if c.Yes.given && refusal == nil {
		err := server.ResetKeys(ctx, c.config())
		recordOf("keys reset").add("newest", r.Newest).ran(ctx, &c.stores, err)
		if err != nil {
			return err
		}
		verb = "was"
	}
	printReset(r.Uses, verb)
	if refusal != nil {
		return refusal
	}
	fmt.Println("\nStart the server: it makes a new master key, unless there is a file. Back it up.")
	return nil
}

// refusal returns why nothing is given up; nil if it is.
func (c *keysReset) refusal(r server.Reset) error {
	if len(c.Yes.ids) > 0 && !slices.Equal(c.Yes.ids, []string{r.Newest}) {
		return fmt.Errorf("nothing was changed: --yes names %q, and the newest master key is %s",
			strings.Join(c.Yes.ids, ","), orNone(r.Newest))
	}
	named := len(c.Yes.ids) > 0
	switch {
	case r.Opens && !r.AdoptionGone && len(r.Uses) > 0 && !named:
		return fmt.Errorf("nothing was changed: the present master keys open all of this, so there is nothing to "+
			"reset. To renew them, run `carrel keys rotate`. To give it up all the same, stop every server, and run "+
			"the command with --yes=%s", r.Newest)
	case r.Foreign && !named:
		return fmt.Errorf("nothing was changed: there are master keys, and they open none of this: they are those of "+
			"another database. Check --master-key-file and --database, and restore the right ones. If they are lost "+
			"for good, move the present file away (unset CARREL_MASTER_KEYS), or, if the server is to go on with "+
			"these keys, stop every server, and run the command with --yes=%s", r.Newest)
	case !c.Yes.given:
		return errors.New("nothing was changed: stop every server, and run the command with --yes")
	}
	return nil
}

// printReset prints what is lost with the keys.
func printReset(uses []server.KeyUse, verb string) {
	n := map[store.BoxKind]int{}
	for _, u := range uses {
		for kind, boxes := range u.Boxes {
			n[kind] += boxes
		}
	}
	fmt.Printf(`What the master keys had sealed, and what %s lost:

  signing keys          %4d   applications get the new ones by themselves
  provider tokens       %4d   each person has to connect the provider again
  tokens to revoke      %4d   the provider is not told that they are not used any more
  authorisations        %4d   some have ended already; who is at a provider just now has to begin again
  deliveries under way  %4d   they end as expired, or as unknown if they were being sent; applications can send again
  answers of providers  %4d   the state of each delivery stays
  fingerprints          %4d   what was collected from sources is stored once more when it is collected again
  keys of postboxes     %4d   clients of earlier generations get new ones when they ask for consent again

Nobody's files are lost: the master keys do not open them.
`, verb, n[store.BoxSigningKey], n[store.BoxConnection], n[store.BoxRevocation], n[store.BoxAuthorization],
		n[store.BoxPayload], n[store.BoxAnswer], n[store.BoxFingerprint], n[store.BoxPostbox])
}

package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/carrelhq/carrel/internal/server"
)

type installationCmd struct {
	Show   installationShow   `cmd:"" help:"Show to which installation the database and the folder of large contents belong."`
	Accept installationAccept `cmd:"" help:"Accept a folder of large contents, and master keys, that were restored or made anew."`
}

type installationShow struct {
	stores
	JSON bool `help:"Print JSON."`
}

// installationView is the JSON of an installation. Ids of parts that do not exist, or belong to none, are empty.
type installationView struct {
	Database server.Part `json:"database"`
	Contents server.Part `json:"contents"`
}

// Run shows the installation, and fails if its parts do not belong together.
func (c *installationShow) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return err
	}
	parts, err := server.InspectInstallation(ctx, c.config())
	if err != nil {
		return err
	}
	if c.JSON {
		err = printJSON(installationView(parts))
	} else {
		type row struct {
			name string
			server.Part
		}
		rows := []row{{"database", parts.Database}, {"contents", parts.Contents}}
		err = printTable(rows, "PART\tINSTALLATION\tFOLDER", func(r row) string {
			return fmt.Sprintf("%s\t%s\t%s", r.name, orNone(r.Installation), orNone(r.Folder))
		})
	}
	return errors.Join(err, server.CheckInstallation(ctx, c.config()))
}

func orNone(id string) string {
	if id == "" {
		return "none"
	}
	return id
}

type installationAccept struct {
	stores
	Yes confirmation `help:"Do it. Without this, the command says what it would change. If a part belongs to another installation, give the id of that: --yes=ID." placeholder:"ID"`
}

// confirmation is a flag that can be given without a value, or with ids.
type confirmation struct {
	given bool
	ids   []string
}

// IsBool says that the flag needs no value.
func (*confirmation) IsBool() bool { return true }

// Decode parses the flag.
func (c *confirmation) Decode(d *kong.DecodeContext) error {
	*c = confirmation{given: true}
	if d.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	switch value := d.Scan.Pop().String(); value {
	case "true", "yes", "1":
	case "false", "no", "0":
		c.given = false
	default:
		for id := range strings.SplitSeq(value, ",") {
			if !isID.MatchString(id) {
				return fmt.Errorf("%q is neither true nor false nor an id", id)
			}
			c.ids = append(c.ids, id)
		}
	}
	return nil
}

// isID matches the ids of installations and of master keys.
var isID = regexp.MustCompile(`^[0-9A-Za-z_-]{6,}$`)

// Help is what --help adds.
func (installationAccept) Help() string {
	return `For a folder of large contents that was restored without its file "installation", or that was made anew
because the old one is lost. Contents that are missing in it stay missing. Stop every server first: the command refuses
a database that one uses.`
}

// Run accepts the folder and the keys, or says what it would change.
func (c *installationAccept) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return err
	}
	options := server.AcceptOptions{Confirmed: c.Yes.given, Foreign: c.Yes.ids}
	a, err := server.AcceptInstallation(ctx, c.config(), options)
	if c.Yes.given && len(a.Changes) > 0 && err == nil {
		recordOf("installation accept").add("installation", a.Installation).
			add("foreign", strings.Join(a.Foreign, ",")).ran(ctx, &c.stores, nil)
	}
	if len(a.Changes) == 0 {
		if err == nil {
			fmt.Printf("The database, the folder of large contents and the master keys belong to installation %s "+
				"already. Nothing was changed.\n", a.Installation)
		}
		return err
	}
	fmt.Println("What this command changes:")
	for _, change := range a.Changes {
		fmt.Println(" ", change)
	}
	if a.Looked > 0 {
		fmt.Printf("Of %s that %s looked for, %s not in the folder.\n", count(a.Looked, "large content"),
			plural(a.Looked, "was", "were"), plural(a.Missing, "1 is", fmt.Sprintf("%d are", a.Missing)))
	}
	if err != nil {
		return err
	}
	if !c.Yes.given {
		yes := "--yes"
		if len(a.Foreign) > 0 {
			yes += "=" + strings.Join(a.Foreign, ",")
		}
		return fmt.Errorf("nothing was changed: stop every server, and run the command with %s if this is right", yes)
	}
	fmt.Printf("Done. %s belongs to installation %s now.\n", c.blobs(), a.Installation)
	return nil
}

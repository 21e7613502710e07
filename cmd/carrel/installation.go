package main

import (
	"context"
	"errors"
	"fmt"

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
	Yes bool `help:"You have checked that the database, the folder and the master keys belong together." required:""`
}

// Help is what --help adds.
func (installationAccept) Help() string {
	return `For a folder of large contents that was restored without its file "installation", or that was made anew
because the old one is lost. Contents that are missing in it stay missing. Stop every server first.`
}

// Run accepts the folder and the keys.
func (c *installationAccept) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return err
	}
	a, err := server.AcceptInstallation(ctx, c.config())
	if err != nil {
		return err
	}
	fmt.Printf("The folder %s belongs to installation %s now.\n", c.blobs(), a.Installation)
	if a.Missing > 0 {
		fmt.Printf("Of %d large contents that were looked for, %d are not in it.\n", a.Looked, a.Missing)
	}
	return nil
}

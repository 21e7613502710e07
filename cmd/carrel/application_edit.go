package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
)

type applicationEdit struct {
	stores
	ID      string  `arg:"" help:"Application id."`
	Name    *string `help:"Name, as people see it on the consent page."`
	About   *string `help:"Who runs it, in one line: name, place, web site."`
	Checked *bool   `help:"You have checked who runs it; otherwise the pages say that you have not." negatable:""`
	JSON    bool    `help:"Print JSON."`

	Quota      *quotaFlag `help:"Most bytes that it stores in all libraries, such as 10GB; none for no limit, default for the setting of the server." placeholder:"SIZE"`
	QuotaFiles *quotaFlag `help:"Most files that it stores in all libraries; none, or default." placeholder:"NUMBER"`
}

// Help is what --help adds.
func (applicationEdit) Help() string {
	return `Example:

  carrel application edit ID --about "Demo Clinic B.V., Utrecht" --checked

Nobody has to be asked again. Servers learn of a change within a second.`
}

// Run changes the application.
func (c *applicationEdit) Run(ctx context.Context) error {
	if len(c.changes()) == 0 {
		return errors.New("there is nothing to change: give --name, --about, --checked, --quota or --quota-files")
	}
	r := recordOf("application edit").add("application", c.ID).add("changed", strings.Join(c.changes(), ","))
	return c.change(ctx, changing, r, func(clients *library.Clients) error {
		was, err := clients.GetApplication(ctx, wire.ApplicationID(c.ID))
		if errors.Is(err, library.ErrNotFound) {
			return unknownApplication(c.ID)
		}
		if err != nil {
			return err
		}
		a := was
		if c.Name != nil {
			a.Name = *c.Name
		}
		if c.About != nil {
			a.About = *c.About
		}
		if c.Checked != nil {
			a.Checked = *c.Checked
		}
		if c.Quota != nil {
			a.Quota.Bytes = c.Quota.limit
		}
		if c.QuotaFiles != nil {
			a.Quota.Files = c.QuotaFiles.limit
		}
		err = clients.UpdateApplication(ctx, was, a)
		if errors.Is(err, library.ErrChanged) {
			return fmt.Errorf(
				"somebody else has changed application %s meanwhile: nothing was changed. Look at it with "+
					"carrel application show, and run the command again",
				was.ID,
			)
		}
		if err != nil {
			return err
		}
		if a, err = clients.GetApplication(ctx, was.ID); err != nil {
			return err
		}
		if c.JSON {
			return printJSON(applicationOf(a))
		}
		return printApplication(a, nil, nil)
	})
}

// changes lists what the flags change.
func (c *applicationEdit) changes() (names []string) {
	if c.Name != nil {
		names = append(names, "name")
	}
	if c.About != nil {
		names = append(names, "about")
	}
	if c.Checked != nil {
		names = append(names, "checked")
	}
	if c.Quota != nil {
		names = append(names, "quota")
	}
	if c.QuotaFiles != nil {
		names = append(names, "quota of files")
	}
	return names
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/storage"
	"github.com/carrelhq/carrel/internal/store"
)

type applicationCmd struct {
	Add     applicationAdd     `cmd:"" help:"Register an application."`
	Edit    applicationEdit    `cmd:"" help:"Change what people are told of an application."`
	List    applicationList    `cmd:"" help:"List all applications."`
	Show    applicationShow    `cmd:"" help:"Show one application and its contracts."`
	Disable applicationDisable `cmd:"" help:"Disable an application and all its contracts at once."`
	Enable  applicationEnable  `cmd:"" help:"Enable a disabled application again."`
}

type applicationAdd struct {
	stores
	ID      string `help:"Application id, letters and digits; generated if missing."`
	Name    string `help:"Name, as people see it on the consent page." required:""`
	About   string `help:"Who runs it, in one line: name, place, web site."`
	Partner string `help:"Partner id; the application id if missing."`
	Checked bool   `help:"You have checked who runs it; otherwise the pages say that you have not."`
	New     bool   `help:"Make the data folder and the database if there are none: before the first start of the server."`
	JSON    bool   `help:"Print JSON."`
}

// Help is what --help adds.
func (applicationAdd) Help() string {
	return "Example:\n\n  carrel application add --name \"Demo Clinic\" --about \"Demo Clinic B.V., Utrecht\" --checked"
}

// Run registers the application.
func (c *applicationAdd) Run(ctx context.Context) error {
	a := changing
	if c.New {
		a = making
	}
	r := recordOf("application add")
	err := c.change(ctx, a, r, func(clients *library.Clients) error {
		a, err := clients.AddApplication(ctx, library.Application{ID: wire.ApplicationID(c.ID), Name: c.Name,
			About: c.About, PartnerID: c.Partner, Checked: c.Checked})
		if err != nil {
			return err
		}
		r.add("application", string(a.ID))
		if c.JSON {
			return printJSON(applicationOf(a))
		}
		return printApplications([]library.Application{a})
	})
	if errors.Is(err, errNoFolder) || errors.Is(err, store.ErrNoDatabase) {
		return fmt.Errorf("%w. To register before the first start of the server, add --new", err)
	}
	return err
}

type applicationList struct {
	stores
	JSON bool `help:"Print JSON."`
}

// Run lists the applications.
func (c *applicationList) Run(ctx context.Context) error {
	return c.with(ctx, reading, func(clients *library.Clients) error {
		list, err := clients.ListApplications(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return printJSON(views(list, applicationOf))
		}
		return printApplications(list)
	})
}

type applicationShow struct {
	stores
	ID   string `arg:"" help:"Application id."`
	JSON bool   `help:"Print JSON."`
}

// Run shows one application.
func (c *applicationShow) Run(ctx context.Context) error {
	return c.withDatabase(ctx, reading, func(db *store.DB, clients *library.Clients) error {
		a, err := clients.GetApplication(ctx, wire.ApplicationID(c.ID))
		if errors.Is(err, library.ErrNotFound) {
			return unknownApplication(c.ID)
		}
		if err != nil {
			return err
		}
		contracts, err := listClients(ctx, clients, a.ID)
		if err != nil {
			return err
		}
		list, err := clients.SumUsage(ctx, a.ID)
		if err != nil {
			return err
		}
		storages, err := db.SumStorages(ctx, a.ID)
		if err != nil {
			return err
		}
		used := usedWith(list, "")
		if c.JSON {
			v := applicationOf(a)
			v.Storages = &storagesView{storages.Storages, storages.Files, storages.Bytes}
			v.UsedFiles, v.UsedBytes = &used.Files, &used.Bytes
			return printJSON(struct {
				applicationView
				Contracts []contractView `json:"contracts"`
			}{v, views(contracts, func(k library.Client) contractView {
				v, used := contractOf(k), usedWith(list, k.Contract.ID)
				v.UsedFiles, v.UsedBytes = &used.Files, &used.Bytes
				return v
			})})
		}
		if err := printApplication(a, &used, &storages); err != nil {
			return err
		}
		fmt.Println()
		return printContracts(contracts)
	})
}

type applicationDisable struct {
	stores
	ID string `arg:"" help:"Application id."`
}

// Run disables the application.
func (c *applicationDisable) Run(ctx context.Context) error {
	return c.switchClient(ctx, clientSwitch{
		verb: "disable", noun: "application", id: c.ID, unknown: unknownApplication,
		disabledAt: func(clients *library.Clients) (time.Time, error) {
			a, err := clients.GetApplication(ctx, wire.ApplicationID(c.ID))
			return a.DisabledAt, err
		},
		apply: func(clients *library.Clients) error {
			return clients.DisableApplication(ctx, wire.ApplicationID(c.ID))
		},
		done: "Disabled. Its contracts are refused from now on; what people have in their libraries stays.\n" +
			"To undo it: carrel application enable " + c.ID,
	})
}

type applicationEnable struct {
	stores
	ID string `arg:"" help:"Application id."`
}

// Run enables the application.
func (c *applicationEnable) Run(ctx context.Context) error {
	return c.switchClient(ctx, clientSwitch{
		verb: "enable", noun: "application", id: c.ID, unknown: unknownApplication,
		disabledAt: func(clients *library.Clients) (time.Time, error) {
			a, err := clients.GetApplication(ctx, wire.ApplicationID(c.ID))
			return a.DisabledAt, err
		},
		apply: func(clients *library.Clients) error {
			return clients.EnableApplication(ctx, wire.ApplicationID(c.ID))
		},
		done: "Enabled. Its contracts are accepted again, with the consents that are still in force, except those " +
			"contracts that are disabled themselves.",
	})
}

type applicationView struct {
	ID       wire.ApplicationID `json:"applicationId"`
	Name     string             `json:"name"`
	About    string             `json:"about,omitempty"`
	Partner  string             `json:"partnerId"`
	Checked  bool               `json:"checked"`
	Created  time.Time          `json:"created"`
	Disabled *time.Time         `json:"disabled,omitempty"`
	Storages *storagesView      `json:"storages,omitempty"`
	quotaView
}

// storagesView is the JSON of what the storages of an application hold.
type storagesView struct {
	Count int64 `json:"count"`
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

func applicationOf(a library.Application) applicationView {
	return applicationView{a.ID, a.Name, a.About, a.PartnerID, a.Checked, a.CreatedAt, ifSet(a.DisabledAt), nil,
		quotaOf(a.Quota)}
}

func printApplications(list []library.Application) error {
	row := func(v applicationView) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s", v.ID, v.Name, v.Created.Format(time.DateOnly), state(v.Disabled))
	}
	return printTable(views(list, applicationOf), "APPLICATION ID\tNAME\tCREATED\tSTATE", row)
}

// printApplication prints everything that is stored of an application. It leaves out what is used if that is nil.
func printApplication(a library.Application, used *library.Used, storages *storage.Usage) error {
	v := applicationOf(a)
	checked := "no: the pages say so"
	if v.Checked {
		checked = "yes"
	}
	details := append([]detail{
		{"application", string(v.ID)},
		{"name", v.Name},
		{"about", v.About},
		{"checked", checked},
		{"partner", v.Partner},
		{"created", v.Created.Format(time.DateOnly)},
		{"state", state(v.Disabled)},
	}, quotaDetails(a.Quota, used)...)
	if storages != nil {
		details = append(details, detail{"in storages", fmt.Sprintf("%s, %s in %s, not under the quota",
			count(storages.Files, "file"), byteSize(storages.Bytes), count(storages.Storages, "storage"))})
	}
	return printDetails(details)
}

// unknownApplication says that there is no such application, and what to do.
func unknownApplication(id string) error {
	return fmt.Errorf("no application has the id %s. To see those that there are: carrel application list", id)
}

func ifSet(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func state(disabled *time.Time) string {
	if disabled != nil {
		return "disabled " + disabled.Format(time.DateOnly)
	}
	return "active"
}

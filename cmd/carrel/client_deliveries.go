package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime"
)

type clientDeliveries struct {
	credentials
	Contract string `help:"Contract: its name in the credentials file, or its id." default:"provider"`
	ID       string `arg:"" optional:"" help:"Delivery to show, with the provider's answer; all of them if missing."`
	Wait     bool   `help:"Wait until the delivery has ended; then exit with 1 unless the provider has it."`
	JSON     bool   `help:"Print JSON."`
}

// Help is what --help adds.
func (clientDeliveries) Help() string {
	return `Examples:

  carrel client deliveries
  carrel client deliveries 019ab2c4d5e6f708 --wait`
}

// Run lists deliveries, or shows one.
func (c *clientDeliveries) Run(ctx context.Context) error {
	if c.Wait && c.ID == "" {
		return errors.New("give the id of the delivery to wait for")
	}
	user, err := c.user(c.Contract)
	if err != nil {
		return err
	}
	if c.ID != "" {
		return c.one(ctx, user, digime.DeliveryID(c.ID))
	}
	list, err := user.ListDeliveries(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(views(list, func(d digime.Delivery) digime.Delivery { return d }))
	}
	return printDeliveries(list)
}

func (c *clientDeliveries) one(ctx context.Context, user *digime.User, id digime.DeliveryID) error {
	look := user.GetDelivery
	if c.Wait {
		look = user.WaitForDelivery
	}
	d, err := look(ctx, id)
	if d.ID == "" { // there is no such delivery
		return err
	}
	if c.JSON {
		return errors.Join(printJSON(d), explain(err))
	}
	if failed := printDeliveries([]digime.Delivery{d}); failed != nil {
		return failed
	}
	if len(d.Answer) > 0 && err == nil {
		fmt.Printf("\n%s\n", d.Answer)
	}
	return explain(err)
}

func printDeliveries(list []digime.Delivery) error {
	const header = "DELIVERY ID\tSTATE\tPROVIDER\tWHAT\tATTEMPTS\tCHANGED\tREASON"
	return printTable(list, header, func(d digime.Delivery) string {
		types := strings.Join(d.Types, ", ")
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%d\t%s\t%s", d.ID, d.State, d.Provider, types, d.Attempts,
			d.UpdatedAt.Local().Format(time.DateTime), oneLine(d.Reason))
	})
}

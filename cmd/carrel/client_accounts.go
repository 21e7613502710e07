package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime"
)

type clientAccounts struct {
	credentials
	Contract string `help:"Contract: its name in the credentials file, or its id." default:"read"`
	JSON     bool   `help:"Print JSON."`
}

// Help is what --help adds.
func (clientAccounts) Help() string {
	return "Example:\n\n  carrel client accounts --contract write --json"
}

// Run lists the accounts.
func (c *clientAccounts) Run(ctx context.Context) error {
	user, err := c.user(c.Contract)
	if err != nil {
		return err
	}
	accounts, err := user.ListAccounts(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(accounts)
	}
	return printTable(accounts, "ACCOUNT ID\tTYPE\tSERVICE\tSINCE", func(a digime.Account) string {
		service, since := cmp.Or(a.ServiceProviderName, a.ServiceTypeName), a.CreatedAt.Local().Format(time.DateOnly)
		return fmt.Sprintf("%s\t%s\t%s\t%s", a.ID, a.Type, service, since)
	})
}

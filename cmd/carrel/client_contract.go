package main

import (
	"context"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime"
)

type clientContract struct {
	credentials
	Contract string `help:"Contract: its name in the credentials file, or its id." default:"write"`
	JSON     bool   `help:"Print JSON."`
}

// Help is what --help adds.
func (clientContract) Help() string {
	return "Example:\n\n  carrel client contract --contract read"
}

// Run shows the contract.
func (c *clientContract) Run(ctx context.Context) error {
	conn, err := c.connect(c.Contract)
	if err != nil {
		return err
	}
	details, err := conn.contract.GetDetails(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(details)
	}
	const header = "CONTRACT ID\tACCESS\tAPPLICATION\tEXPIRES"
	return printTable([]digime.ContractDetails{details}, header, func(d digime.ContractDetails) string {
		return fmt.Sprintf("%s\t%s\t%s\t%s", d.ID, d.AccessType, d.Application.Name, d.ExpiresAt.Format(time.DateOnly))
	})
}

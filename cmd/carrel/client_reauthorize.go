package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/carrelhq/carrel/digime"
)

type clientReauthorize struct {
	credentials
	Contract string        `help:"Contract: its name in the credentials file, or its id." default:"provider"`
	Account  string        `help:"Account id of the provider; the only one if missing."`
	Callback string        `help:"Callback on this machine; the credentials file's if missing. It must be one of the contract's."`
	Locale   string        `help:"Language of the pages, such as nl; the browser's if missing."`
	Wait     time.Duration `help:"How long to wait for the person." default:"10m"`
	JSON     bool          `help:"Print JSON."`
}

// Help is what --help adds.
func (clientReauthorize) Help() string {
	return `Example:

  carrel client reauthorize --account 1_abc

It prints an address for the person to open, and waits for their browser to come back to the callback on this machine.`
}

// Run sends the person to connect an account again.
func (c *clientReauthorize) Run(ctx context.Context) error {
	conn, err := c.connect(c.Contract)
	if err != nil {
		return err
	}
	user, err := conn.user()
	if err != nil {
		return err
	}
	if c.Callback != "" {
		conn.callback = c.Callback
	}
	account, err := providerAccount(ctx, user, digime.AccountID(c.Account))
	if err != nil {
		return err
	}
	back, err := listenForCallback(ctx, conn.callback)
	if err != nil {
		return err
	}
	defer back.close()
	auth, err := user.ReauthorizeAccount(ctx, account, digime.ReauthorizeAccountOptions{
		RedirectURL: conn.callback, Locale: c.Locale,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Open this address, and come back here afterwards:\n\n  %s\n\n", auth.URL)
	if _, err := back.wait(ctx, auth, c.Wait); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(map[string]any{"accountId": account})
	}
	fmt.Printf("Account %s is connected again.\n", account)
	return nil
}

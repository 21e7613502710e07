package main

import (
	"context"
	"fmt"

	"github.com/carrelhq/carrel/internal/server"
)

type checkCmd struct {
	stores
	All bool `help:"Read every large content as well, and compare its hash; otherwise its length."`
}

// Help is what --help adds.
func (checkCmd) Help() string {
	return `Compares what is stored with what the server has written: the activity of every library, the
binding of its key, every file with the line of its arrival, contents, accounts at providers, and
deliveries. A server may run meanwhile. Example:

  carrel check --data /var/lib/carrel --master-key-file /etc/carrel/master.key

It prints "all is well", or a line for each fault and exits with 1.`
}

// Run checks everything.
func (c *checkCmd) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return err
	}
	summary, err := server.CheckStored(ctx, c.config(), c.All, func(fault string) { fmt.Println(fault) })
	if err != nil {
		return err
	}
	fmt.Printf("%d libraries, %d files, %d lines of activity\n", summary.Libraries, summary.Files, summary.Events)
	if summary.Older > 0 {
		fmt.Printf("%d files are older than the hashes in the activity: only their presence and length were compared\n",
			summary.Older)
	}
	if summary.NotAdopted {
		fmt.Println("no server of this version has been started on this database: the keys of its libraries " +
			"were not compared")
	}
	if summary.Faults > 0 {
		return fmt.Errorf("%d faults", summary.Faults)
	}
	fmt.Println("all is well")
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/carrelhq/carrel/internal/server"
)

type checkCmd struct {
	stores
	All     bool `help:"Read every large content as well, and compare its hash; otherwise its length."`
	Recount bool `help:"Count anew how much room files take, where that differs."`
}

// Help is what --help adds.
func (checkCmd) Help() string {
	return `Compares what is stored with what the server has written: the activity of every library, the
binding of its key, every file with the line of its arrival, contents, accounts at providers, and
deliveries. A server may run meanwhile. Example:

  carrel check --data /var/lib/carrel --master-key-file /etc/carrel/master.key

It prints "all is well", or a line for each fault and exits with 1. If it cannot compare, for example because the
master keys are not those of the database, it says why and exits with 2.`
}

// exitNotCompared is the exit code of a check that could not run.
const exitNotCompared = 2

// Run checks everything.
func (c *checkCmd) Run(ctx context.Context) error {
	if err := c.checkGiven(); err != nil {
		return exitError{err, exitNotCompared}
	}
	summary, err := server.CheckStored(ctx, c.config(), server.CheckOptions{AllContents: c.All, Recount: c.Recount},
		func(fault string) { fmt.Println(fault) })
	if errors.Is(err, server.ErrNotClosed) { // which says nothing about what is stored
		fmt.Fprintln(os.Stderr, "carrel:", err)
	} else if err != nil {
		return exitError{err, exitNotCompared}
	}
	fmt.Printf("%s, %s, %s of activity\n", count(summary.Libraries, "library", "libraries"),
		count(summary.Files, "file"), count(summary.Events, "line"))
	if n := summary.Older; n > 0 {
		fmt.Printf("%s older than the hashes in the activity: only presence and length were compared\n",
			plural(n, "1 file is", fmt.Sprintf("%d files are", n)))
	}
	if summary.NotAdopted {
		fmt.Println("no server of this version has been started on this database: the keys of its libraries " +
			"were not compared")
	}
	if n := summary.Recounted; n > 0 {
		fmt.Printf("counted anew how much room the files of %s take\n", count(n, "library", "libraries"))
	}
	if summary.Faults > 0 {
		return errors.New(count(summary.Faults, "fault"))
	}
	fmt.Println("all is well")
	return nil
}

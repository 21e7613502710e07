package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/outfile"
)

type clientReport struct {
	credentials
	Contract string `help:"Contract: its name in the credentials file, or its id." default:"read"`
	From     string `help:"First day of the period, as 2026-11-01; from the beginning if missing." placeholder:"DAY"`
	To       string `help:"Last day of the period; until now if missing." placeholder:"DAY"`
	Output   string `help:"Where to write it: a file, or - for standard output." short:"o" default:"-"`
}

// Help is what --help adds.
func (clientReport) Help() string {
	return `The report is XML and says what was collected from which source when, with no content of a file. Days are
those of this machine's time zone.

  carrel client report --from 2026-11-01 --to 2026-11-30 --output report.xml

The file appears under its name only once the end of the report has come. A link, a device or a pipe at that name is
written into instead, and stays.`
}

// Run writes the report.
func (c *clientReport) Run(ctx context.Context) error {
	options, err := c.period()
	if err != nil {
		return err
	}
	user, err := c.user(c.Contract)
	if err != nil {
		return err
	}
	report, err := user.OpenPortabilityReport(ctx, options)
	if err != nil {
		return err
	}
	defer func() { _ = report.Close() }() // the reader has seen every error
	if c.Output == "-" {
		if _, err = io.Copy(os.Stdout, report); err == nil {
			fmt.Println()
		}
		return err
	}
	var n int64
	err = outfile.Replace(c.Output, func(w io.Writer) (err error) {
		n, err = io.Copy(w, report)
		return err
	})
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	fmt.Printf("Wrote %s into %s.\n", count(n, "byte"), c.Output)
	return nil
}

// period returns the days of the flags as a period, whose last day is all in it.
func (c *clientReport) period() (o digime.PortabilityReportOptions, err error) {
	if c.From != "" {
		if o.From, err = parseDay("--from", c.From, time.Local); err != nil {
			return o, err
		}
	}
	if c.To != "" {
		if o.To, err = parseDay("--to", c.To, time.Local); err != nil {
			return o, err
		}
		o.To = o.To.AddDate(0, 0, 1).Add(-time.Millisecond)
	}
	return o, nil
}

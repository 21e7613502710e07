package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/carrelhq/carrel/internal/server"
)

type activityCmd struct {
	Verify activityVerify `cmd:"" help:"Say whether a library's activity still extends a checkpoint that its person has saved."`
}

type activityVerify struct {
	stores
	Checkpoint string `help:"File that the person has saved from the page Activity." required:"" type:"existingfile"`
}

// Help is what --help adds.
func (activityVerify) Help() string {
	return "Example:\n\n  carrel activity verify --data /var/lib/carrel --checkpoint carrel-activity-2026-11-24.json"
}

// Run verifies the whole activity of the checkpoint's library.
func (c *activityVerify) Run(ctx context.Context) error {
	text, err := os.ReadFile(c.Checkpoint)
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	if err := c.checkGiven(); err != nil {
		return err
	}
	result, err := server.VerifyCheckpoint(ctx, c.config(), string(text))
	if err != nil {
		return err
	}
	if result.Fault != nil {
		return fmt.Errorf("the activity does not extend the checkpoint: %w", result.Fault)
	}
	fmt.Printf("the activity extends the checkpoint: all %s of %s are there; added since: %d\n",
		count(result.Saved.Events, "line"), result.Saved.Time.Time().UTC().Format(time.RFC3339), result.Added)
	if result.EndFault != nil {
		return fmt.Errorf("but lines since then may be missing: %w", result.EndFault)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/store"
)

type auditCmd struct {
	stores
	Last int  `help:"How many of the newest commands to list." default:"100"`
	JSON bool `help:"Print JSON."`
}

// Help is what --help adds.
func (auditCmd) Help() string {
	return `Lists the commands that change something, and backups: who ran them and when, and the ids that they
were about. Commands that only list or show are not recorded. Who can write to the database can change the list.`
}

// auditView is the JSON of a command that was run.
type auditView struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Operator string    `json:"operator"`
	Command  string    `json:"command"`
	Details  string    `json:"details,omitempty"`
	Outcome  string    `json:"outcome"`
}

// Run lists the commands, the newest last, as in a log.
func (c *auditCmd) Run(ctx context.Context) (err error) {
	db, err := c.open(ctx, reading)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	list, err := db.ListAuditEntries(ctx, c.Last)
	if err != nil {
		return err
	}
	slices.Reverse(list)
	entries := views(list, func(e library.AuditEntry) auditView {
		if e.Outcome == "" {
			e.Outcome = "not ended"
		}
		return auditView{e.ID, e.At, printable(e.Operator), printable(e.Command), printable(e.Details),
			printable(e.Outcome)}
	})
	if c.JSON {
		return printJSON(entries)
	}
	return printTable(entries, "TIME\tOPERATOR\tCOMMAND\tOUTCOME\tDETAILS", func(v auditView) string {
		return strings.Join([]string{v.At.Format(time.RFC3339), v.Operator, v.Command, v.Outcome, v.Details}, "\t")
	})
}

// maxRecorded bounds what is recorded of one detail: an id can be a whole file that was pasted.
const maxRecorded = 100

// record is the record of a command in the audit log, while the command runs.
type record struct {
	command string
	details []string
}

func recordOf(command string) *record { return &record{command: command} }

// add adds an id, or another detail, unless it is empty. It may never be a secret.
func (r *record) add(name string, value string) *record {
	value = printable(value)
	if runes := []rune(value); len(runes) > maxRecorded {
		value = string(runes[:maxRecorded]) + "…"
	}
	if value != "" {
		r.details = append(r.details, name+"="+value)
	}
	return r
}

func (r *record) String() string { return strings.Join(r.details, " ") }

func (r *record) entry(outcome string) library.AuditEntry {
	return library.AuditEntry{ID: wire.RandomAlphanumeric(32), At: time.Now(), Operator: operator(), Command: r.command,
		Details: r.String(), Outcome: outcome}
}

// run records a command before it changes something, and then how it has ended. A command that cannot be recorded does
// not run.
func (r *record) run(ctx context.Context, db *store.DB, f func() error) error {
	e := r.entry("")
	if err := db.AddAuditEntry(ctx, e); err != nil {
		return fmt.Errorf("nothing was changed: record the command: %w", err)
	}
	err := f()
	// Also if a signal has ended the command.
	return errors.Join(err, db.EndAuditEntry(context.WithoutCancel(ctx), e.ID, r.String(), outcomeOf(err)))
}

// ran records a command that has ended. It is for commands that may have to mend the database first: if the database
// cannot record them, a warning says so.
func (r *record) ran(ctx context.Context, s *stores, err error) {
	ctx = context.WithoutCancel(ctx)
	db, failed := store.OpenExisting(ctx, s.database())
	if failed == nil {
		failed = errors.Join(db.AddAuditEntry(ctx, r.entry(outcomeOf(err))), db.Close())
	}
	if failed != nil {
		fmt.Fprintln(os.Stderr, "carrel: warning: the command is not recorded in the audit log:", failed)
	}
}

func outcomeOf(err error) string {
	if err != nil {
		return library.AuditFailed
	}
	return library.AuditDone
}

// operator returns who runs this program: the user of the operating system, who sudo says it was, and the machine.
func operator() string {
	name := fmt.Sprintf("uid %d", os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if by := os.Getenv("SUDO_USER"); by != "" && by != name {
		name += " (sudo by " + by + ")"
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return printable(name)
}

// printable returns a text without what would control a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}

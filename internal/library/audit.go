package library

import (
	"context"
	"time"
)

// AuditEntry is a command that an operator has run. It never contains a secret.
type AuditEntry struct {
	ID string
	At time.Time
	// Operator is the user of the operating system who ran the command.
	Operator string
	Command  string
	// Details has the ids that the command was about, and the names of what it changed.
	Details string
	// Outcome is one of the outcomes below; empty until the command has ended.
	Outcome string
}

// The outcomes of commands. One that was killed has none.
const (
	AuditDone   = "done"
	AuditFailed = "failed"
)

// AuditStore stores the commands of operators.
type AuditStore interface {
	AddAuditEntry(ctx context.Context, e AuditEntry) error
	// EndAuditEntry sets the details and the outcome. It returns ErrNotFound for an unknown id.
	EndAuditEntry(ctx context.Context, id, details, outcome string) error
	// ListAuditEntries lists at most limit entries, newest first.
	ListAuditEntries(ctx context.Context, limit int) ([]AuditEntry, error)
}

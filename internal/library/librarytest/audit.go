package librarytest

import (
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/library"
)

// TestAudit tests a library.AuditStore.
func TestAudit(t *testing.T, open func(t *testing.T) Store) {
	t.Run("lists the newest first", func(t *testing.T) {
		f := NewFixture(t, open)
		var all []library.AuditEntry
		for i := range 3 {
			e := library.AuditEntry{ID: AnyID(), At: Later(time.Duration(i) * time.Second), Operator: "anna",
				Command: "contract edit", Details: "contract=k"}
			Must(t, f.AddAuditEntry(Ctx, e))
			all = append([]library.AuditEntry{e}, all...)
		}
		Same(t, "entries", Value(f.ListAuditEntries(Ctx, 10))(t), all)
		Same(t, "two entries", Value(f.ListAuditEntries(Ctx, 2))(t), all[:2])
		Must(t, f.EndAuditEntry(Ctx, all[1].ID, "other \x00", library.AuditDone))
		all[1].Details, all[1].Outcome = "other \uFFFD", library.AuditDone
		Same(t, "after the end of one", Value(f.ListAuditEntries(Ctx, 10))(t), all)
	})
	t.Run("ends no unknown entry", func(t *testing.T) {
		f := NewFixture(t, open)
		WantErr(t, "unknown", f.EndAuditEntry(Ctx, "none", "", library.AuditDone), library.ErrNotFound)
	})
}

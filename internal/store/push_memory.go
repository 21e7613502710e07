package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// A pushMemory adds pushes to SQLite, and remembers of each library what the next push into it has to know. Only the
// writer changes these rows, so it need not read them again. What it remembers is exact, by three rules:
//
//   - What a transaction changes is kept apart until it is committed, and after each push only if that succeeded.
//   - All is forgotten when another connection has committed something: see checkVersion.
//   - All is forgotten by every statement of another op that changes a table of which something is remembered: the
//     other ops run their statements on a [forgettingDB], which looks at the text of each.
//
// Only the writer's goroutine uses it.
type pushMemory struct {
	queries *query.Queries
	binder  Binder // see [DB.SetBinder]

	committed map[library.ID]pushState
	// changed takes precedence over committed. It holds what the transaction under way has read and changed.
	changed map[library.ID]pushState

	getVersion *sql.Stmt // on the writer's connection
	version    int64
	checked    bool // in the transaction under way

	limit int // maxRemembered
}

// maxRemembered is how many libraries are remembered, each in about 400 bytes.
const maxRemembered = 4096

// maxRememberedGrants is how many grants of a library are remembered.
const maxRememberedGrants = 4

// A pushState is what a push into a library has to know. It is changed by replacing it.
type pushState struct {
	end   library.ChainEnd
	used  library.Used
	epoch seal.EpochID // one that is stored; zero for none
	// grants are those that stand, with the tokens that do.
	grants []grantState
}

// A grantState is when a grant was last used that stands, and so does its token, unless that is zero.
type grantState struct {
	grant    library.GrantID
	token    seal.Hash
	lastUsed query.Number
}

// newPushMemory returns a memory of the connection that the cache belongs to.
func newPushMemory(cache *statementCache) *pushMemory {
	return &pushMemory{queries: query.New(cache), committed: map[library.ID]pushState{},
		changed: map[library.ID]pushState{}, limit: maxRemembered}
}

// begin is called after a transaction has begun.
func (m *pushMemory) begin() {
	clear(m.changed)
	m.checked = false
}

// commit is called after the transaction was committed.
func (m *pushMemory) commit() {
	for id, state := range m.changed {
		m.committed[id] = state
	}
	for id := range m.committed {
		if len(m.committed) <= m.limit {
			break
		}
		delete(m.committed, id) // any of them
	}
}

// forget forgets all that was remembered, also in the transaction under way.
func (m *pushMemory) forget() {
	clear(m.committed)
	clear(m.changed)
}

// checkVersion forgets all that was remembered if another connection has committed something since the last call, be it
// of this process or of another. The transaction under way keeps others from doing so until it ends.
func (m *pushMemory) checkVersion(ctx context.Context) error {
	if m.checked {
		return nil
	}
	var version int64
	if err := m.getVersion.QueryRowContext(ctx).Scan(&version); err != nil {
		return fmt.Errorf("read version of data: %w", err)
	}
	if version != m.version {
		m.forget()
		m.version = version
	}
	m.checked = true
	return nil
}

// add adds a push in the transaction under way. Like p.alone, it may have written something if it returns an error.
func (m *pushMemory) add(ctx context.Context, p *push) error {
	if err := m.checkVersion(ctx); err != nil {
		return err
	}
	id := p.file.LibraryID
	state, lastUsed, err := m.get(ctx, p)
	if errors.Is(err, sql.ErrNoRows) {
		// The push is refused, and changes nothing, or its chain has to be repaired.
		if err := p.alone(ctx, m.queries); err != nil {
			return err
		}
		m.forget()
		return nil
	}
	if err != nil {
		return err
	}
	if p.nonce != nil {
		if err := useNonceOnce(ctx, m.queries, *p.nonce); err != nil {
			return err
		}
	}
	if err := p.quota.Check(library.LibraryQuota, state.used, int64(p.file.Size)); err != nil {
		return err
	}
	if state.end, err = m.addEvent(ctx, state.end, p.event); err != nil {
		return err
	}
	if p.event.At.Sub(fromMillis(lastUsed)) >= library.UsePrecision {
		lastUsed = toMillis(p.event.At)
		if err := m.queries.UseGrant(ctx, lastUsed, p.grant); err != nil {
			return err
		}
	}
	state.remember(grantState{p.grant, p.token, lastUsed})
	if err := m.addFile(ctx, &state, p); err != nil {
		return err
	}
	m.changed[id] = state
	return nil
}

// get returns what a push has to know: the state of its library, and when its grant was last used. It returns
// sql.ErrNoRows if the grant or the token does not stand, or if the end of the chain cannot be counted on.
func (m *pushMemory) get(ctx context.Context, p *push) (state pushState, lastUsed query.Number, err error) {
	id := p.file.LibraryID
	state, ok := m.changed[id]
	if !ok {
		state, ok = m.committed[id]
	}
	if ok {
		if i := state.find(p.grant, p.token); i >= 0 {
			return state, state.grants[i].lastUsed, nil
		}
	}
	row, err := m.queries.GetPushState(ctx, query.GetPushStateParams{
		LibraryID: id, GrantID: p.grant, HasToken: p.token != seal.Hash{}, Token: p.token,
	})
	if err != nil {
		return pushState{}, 0, err
	}
	state.end = library.ChainEnd{Library: id, Seq: int64(row.Events), Hash: row.Hash, MAC: row.Mac}
	state.used = library.Used{Files: int64(row.Files), Bytes: int64(row.Bytes)}
	return state, row.LastUsedAt, nil
}

// addEvent adds an event after the end of a chain, as [DB.addEvent] does, and returns the new end.
func (m *pushMemory) addEvent(ctx context.Context, before library.ChainEnd, e library.Event) (library.ChainEnd, error) {
	e.Seq = before.Seq + 1
	e.Chain(before.Hash)
	end := e.End()
	end.MAC = forgedEnd
	if m.binder.IsChainEndBound(before) {
		end.MAC = m.binder.BindChainEnd(end)
	}
	if err := insertEvent(ctx, m.queries, e); err != nil {
		return end, err
	}
	return end, m.queries.MoveChainEnd(ctx, query.MoveChainEndParams{
		Events: query.Number(end.Seq), Hash: end.Hash, Mac: end.MAC, LibraryID: end.Library,
	})
}

// addFile adds the file of a push, and counts it.
func (m *pushMemory) addFile(ctx context.Context, state *pushState, p *push) error {
	err := m.queries.CountUsage(ctx, query.CountUsageParams{
		LibraryID:     p.file.LibraryID,
		ApplicationID: p.file.ApplicationID,
		ContractID:    p.file.ContractID,
		Bytes:         p.file.Size,
	})
	if err != nil {
		return err
	}
	state.used.Files++
	state.used.Bytes += int64(p.file.Size)
	if p.epoch != nil && !bytes.Equal(p.epoch.ID, state.epoch[:]) {
		if err := m.queries.AddEpoch(ctx, *p.epoch); err != nil {
			return err
		}
		copy(state.epoch[:], p.epoch.ID)
	}
	if err := m.queries.AddFile(ctx, p.file); err != nil {
		return err
	}
	return m.queries.AddContent(ctx, p.content)
}

// find returns the place of a grant with a token, or -1.
func (s *pushState) find(grant library.GrantID, token seal.Hash) int {
	return slices.IndexFunc(s.grants, func(g grantState) bool { return g.grant == grant && g.token == token })
}

// remember adds a grant with a token, and notes the last use with all tokens of the grant.
func (s *pushState) remember(used grantState) {
	if i := s.find(used.grant, used.token); i >= 0 && s.grants[i] == used {
		return
	}
	grants := make([]grantState, 0, maxRememberedGrants)
	for _, g := range s.grants {
		if g.grant == used.grant {
			g.lastUsed = used.lastUsed
		}
		if g != used {
			grants = append(grants, g)
		}
	}
	if len(grants) == maxRememberedGrants {
		grants = append(grants[:0], grants[1:]...)
	}
	s.grants = append(grants, used)
}

// A forgettingDB runs statements of package query, and makes a memory forget what they may change.
type forgettingDB struct {
	query.DBTX
	memory  *pushMemory
	changes map[string]bool // by the texts of the statements, which are constants
}

var _ query.DBTX = (*forgettingDB)(nil)

func newForgettingDB(db query.DBTX, memory *pushMemory) *forgettingDB {
	return &forgettingDB{DBTX: db, memory: memory, changes: map[string]bool{}}
}

// changesRemembered matches the statements that change a table of which a pushMemory remembers something, be it by a
// foreign key.
var changesRemembered = regexp.MustCompile(
	`(?i)\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(libraries|chains|grants|tokens|usage|epochs)\b`)

// note forgets what a statement may change.
func (f *forgettingDB) note(text string) {
	changes, ok := f.changes[text]
	if !ok {
		changes = changesRemembered.MatchString(text)
		f.changes[text] = changes
	}
	if changes {
		f.memory.forget()
	}
}

// ExecContext implements [query.DBTX].
func (f *forgettingDB) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	f.note(text)
	return f.DBTX.ExecContext(ctx, text, args...)
}

// QueryContext implements [query.DBTX].
func (f *forgettingDB) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	f.note(text)
	return f.DBTX.QueryContext(ctx, text, args...)
}

// QueryRowContext implements [query.DBTX].
func (f *forgettingDB) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	f.note(text)
	return f.DBTX.QueryRowContext(ctx, text, args...)
}

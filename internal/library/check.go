package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/seal"
)

// StoredFile is a file with its content as a check reads it.
type StoredFile struct {
	File
	// Format is zero if there is no content.
	Format ContentFormat
	Key    []byte
	Inline []byte
}

// CheckStore reads everything that a check compares. A list is in the order of its ids, after the
// given one.
type CheckStore interface {
	ChainStore
	AdoptionStore
	SigningKeyStore
	GetLibrary(ctx context.Context, id ID) (Library, error)
	GetLock(ctx context.Context, id ID, kind LockKind) (Lock, error)
	ListGrants(ctx context.Context, id ID) ([]Grant, error)
	GetClientOfContract(ctx context.Context, id wire.ContractID) (Client, error)
	CountFiles(ctx context.Context, library ID) (int, error)
	HasFile(ctx context.Context, library ID, id wire.FileName) (bool, error)
	ListLibraryIDs(ctx context.Context, after ID, limit int) ([]ID, error)
	// GetStoredFile returns ErrNotFound if the library has no such file.
	GetStoredFile(ctx context.Context, library ID, id wire.FileName) (StoredFile, error)
	// GetEncapsulation is that of [FileStore].
	GetEncapsulation(ctx context.Context, library ID, id seal.EpochID) ([]byte, error)
	// GetCollected is that of [CollectedStore].
	GetCollected(ctx context.Context, id ID, file wire.FileName) (StoredCollected, error)
	ListFileIDs(ctx context.Context, library ID, after wire.FileName, limit int) ([]wire.FileName, error)
	// CountEventsBeforeFirst counts the library's events whose Seq is below 1.
	CountEventsBeforeFirst(ctx context.Context, id ID) (int64, error)
	// ListAdditions lists what changes rows, or what is read of them, and is not of this program: triggers,
	// views, and on PostgreSQL rules and policies.
	ListAdditions(ctx context.Context) ([]string, error)
	// ListImpossible lists rows with a value that this server never stores: what is no number in a column with
	// numbers, or a number that is no time in one with times. It names the table, the key and the column, of some
	// rows for each column.
	ListImpossible(ctx context.Context) ([]string, error)
	// ListUsageFaults lists where the usage of a library is not the sum over its files.
	ListUsageFaults(ctx context.Context, id ID, limit int) ([]UsageFault, error)
	// RecountUsage makes the usage of a library the sum over its files.
	RecountUsage(ctx context.Context, id ID) error
	// ListUsageOfNoLibrary lists the ids of usage that belongs to no library.
	ListUsageOfNoLibrary(ctx context.Context, after ID, limit int) ([]ID, error)
	// ListFilesOfNoLibrary and ListContentsOfNoFile list rows that belong to nothing.
	ListFilesOfNoLibrary(ctx context.Context, after wire.FileName, limit int) ([]wire.FileName, error)
	ListContentsOfNoFile(ctx context.Context, after wire.FileName, limit int) ([]wire.FileName, error)
}

// UsageFault is a difference between what an application has stored in a library with a contract, and what is counted.
type UsageFault struct {
	Application wire.ApplicationID
	Contract    wire.ContractID
	Stored      Used // the sum over the files
	Counted     Used
}

// Checker compares everything that is stored with what this server has written, without the key of
// any library. It reads a part at a time, so that a server may run beside it.
type Checker struct {
	Store CheckStore
	Blobs Blobs
	// Owners know the contents that are not those of files in libraries.
	Owners  []ContentOwner
	Keyring *seal.Keyring
	Now     func() time.Time
	// AllContents reads large contents as well; otherwise only their lengths are compared.
	AllContents bool
	// Recount makes the usage of a library right where it differs.
	Recount bool
	// Report is called with each fault.
	Report func(fault string)
	// More are further checks, of other packages.
	More []func(ctx context.Context, report func(fault string)) error

	integrity *Integrity
	adopted   bool
	summary   CheckSummary
}

// CheckSummary says how much a check has compared.
type CheckSummary struct {
	Libraries, Events, Files int
	// Older are files of before the activity had their hashes: of them only the presence and the
	// length are compared.
	Older  int
	Faults int
	// Recounted are the libraries whose usage was counted anew.
	Recounted int
	// NotAdopted says that no server of this version has started on the database yet, so that its
	// libraries have no bindings.
	NotAdopted bool
}

// Check runs all checks. Its error says that it could not run to its end.
func (c *Checker) Check(ctx context.Context) (CheckSummary, error) {
	c.integrity = NewIntegrity(c.Keyring, noEvents{}, c.Now)
	steps := []func(context.Context) error{
		c.checkAdditions, c.checkValues, c.checkAdoption, c.checkSigningKeys, c.checkLibraries, c.checkRowsOfNothing,
		c.checkBlobs,
	}
	for _, more := range c.More {
		steps = append(steps, func(ctx context.Context) error { return more(ctx, c.fault) })
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return c.summary, err
		}
	}
	return c.summary, nil
}

// noEvents keeps a check from writing into an activity.
type noEvents struct{ EventStore }

func (noEvents) AddEvent(context.Context, Event) error { return nil }

func (noEvents) SpendEventTime(context.Context, Event) error { return nil }

func (c *Checker) fault(text string) {
	c.summary.Faults++
	c.Report(text)
}

func (c *Checker) checkAdditions(ctx context.Context) error {
	additions, err := c.Store.ListAdditions(ctx)
	for _, a := range additions {
		c.fault("database: " + a + " is not of this program")
	}
	return err
}

func (c *Checker) checkValues(ctx context.Context) error {
	impossible, err := c.Store.ListImpossible(ctx)
	for _, row := range impossible {
		c.fault("database: a value that this server never stores: " + row)
	}
	return err
}

func (c *Checker) checkAdoption(ctx context.Context) error {
	adopted, err := c.integrity.IsAdopted(ctx, c.Store)
	if err == nil && !adopted && c.Keyring.Adopted() >= int(NewestAdoption) {
		err = ErrAdoptionGone
	}
	if errors.Is(err, ErrAdoptionForged) || errors.Is(err, ErrAdoptionGone) {
		c.fault(err.Error())
		adopted, err = true, nil
	}
	c.adopted, c.summary.NotAdopted = adopted, !adopted
	return err
}

func (c *Checker) checkSigningKeys(ctx context.Context) error {
	keys, err := c.Store.ListSigningKeys(ctx)
	if err != nil {
		return fmt.Errorf("list signing keys: %w", err)
	}
	for _, k := range keys {
		if _, err := OpenSigningKey(c.Keyring, k); err != nil {
			c.fault(err.Error())
		}
	}
	return nil
}

// checkPage is how many ids are read at a time.
const checkPage = 500

// EachID calls visit with each id of a list that is read a page at a time.
func EachID[T ~string](
	ctx context.Context,
	list func(ctx context.Context, after T, limit int) ([]T, error),
	visit func(T) error,
) error {
	var after T
	for {
		ids, err := list(ctx, after, checkPage)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := visit(id); err != nil {
				return err
			}
		}
		if len(ids) < checkPage {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

func (c *Checker) checkLibraries(ctx context.Context) error {
	return EachID(ctx, c.Store.ListLibraryIDs, func(id ID) error { return c.checkLibrary(ctx, id) })
}

// checkLibrary checks a library. Its faults are reported at the end, and not if the library has
// been deleted meanwhile.
func (c *Checker) checkLibrary(ctx context.Context, id ID) error {
	l := &libraryCheck{Checker: c, id: id}
	if err := l.run(ctx); errors.Is(err, ErrUnreadable) {
		l.add("a row does not parse: %v", err)
	} else if err != nil {
		return err
	}
	if len(l.faults) > 0 {
		if _, err := c.Store.GetChainHead(ctx, id); errors.Is(err, ErrNotFound) {
			return nil
		}
	}
	for _, f := range l.faults {
		c.fault("library " + string(id) + ": " + f)
	}
	c.summary.Libraries++
	return nil
}

func (c *Checker) checkRowsOfNothing(ctx context.Context) error {
	err := EachID(ctx, c.Store.ListFilesOfNoLibrary, func(id wire.FileName) error {
		c.fault(fmt.Sprintf("file %s: there is no such library", id))
		return nil
	})
	if err != nil {
		return err
	}
	err = EachID(ctx, c.Store.ListUsageOfNoLibrary, func(id ID) error {
		c.fault(fmt.Sprintf("usage of library %s: there is no such library", id))
		return nil
	})
	if err != nil {
		return err
	}
	return EachID(ctx, c.Store.ListContentsOfNoFile, func(id wire.FileName) error {
		c.fault(fmt.Sprintf("content of file %s: there is no such file", id))
		return nil
	})
}

// checkBlobs looks for large contents without a file. One that is younger than a day may be of a
// push that is under way.
func (c *Checker) checkBlobs(ctx context.Context) error {
	return c.Blobs.List(ctx, "", func(key string, at time.Time) error {
		if c.Now().Sub(at) < orphanAge {
			return nil
		}
		has, err := hasContent(ctx, c.Owners, key, c.Store.HasFile)
		if err == nil && !has {
			c.fault(fmt.Sprintf("content %s: there is no such file", key))
		}
		return err
	})
}

// libraryCheck is the check of one library.
type libraryCheck struct {
	*Checker
	id       ID
	faults   []string
	arrivals int   // files that have arrived and have a row
	visited  int64 // the Seq of the last event
}

func (l *libraryCheck) add(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

func (l *libraryCheck) run(ctx context.Context) error {
	if err := l.checkKey(ctx); err != nil {
		return err
	}
	if err := l.checkGrants(ctx); err != nil {
		return err
	}
	switch n, err := l.Store.CountEventsBeforeFirst(ctx, l.id); {
	case err != nil:
		return err
	case n > 0:
		l.add("activity: %d events stand before the first", n)
	}
	if err := l.checkUsage(ctx); err != nil {
		return err
	}
	files, err := l.Store.CountFiles(ctx, l.id)
	if err != nil {
		return err
	}
	if err := l.checkChain(ctx); err != nil {
		return err
	}
	if files > l.arrivals {
		return l.findStrangers(ctx)
	}
	return nil
}

// checkUsage compares the usage of the library with its files.
func (l *libraryCheck) checkUsage(ctx context.Context) error {
	faults, err := l.Store.ListUsageFaults(ctx, l.id, checkPage)
	for _, f := range faults {
		l.add("usage of application %s, contract %s: %d files with %d bytes are counted, and %d with %d are stored",
			f.Application, f.Contract, f.Counted.Files, f.Counted.Bytes, f.Stored.Files, f.Stored.Bytes)
	}
	if err != nil || len(faults) == 0 || !l.Recount {
		return err
	}
	if err := l.Store.RecountUsage(ctx, l.id); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("recount usage: %w", err)
	}
	l.summary.Recounted++
	return nil
}

// checkKey checks the binding of the library, and that there is a way to open it: its locks, unless it is a sandbox.
func (l *libraryCheck) checkKey(ctx context.Context) error {
	library, err := l.Store.GetLibrary(ctx, l.id)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		l.add("its row does not parse: %v", err)
	case l.adopted && !l.integrity.isBound(library):
		l.add("its id and public key are not those that this server has stored")
	}
	for _, kind := range []LockKind{LockPassword, LockRecovery} {
		_, err := l.Store.GetLock(ctx, l.id, kind)
		switch {
		case err == nil && library.Sandbox:
			l.add("it has a lock for a %s, and is said to be a sandbox, which has none", kind)
		case err == nil, errors.Is(err, ErrNotFound) && library.Sandbox:
		case errors.Is(err, ErrNotFound):
			l.add("the lock of its %s is gone", kind)
		default:
			return err
		}
	}
	return nil
}

// checkGrants checks that each grant covers what the person has allowed.
func (l *libraryCheck) checkGrants(ctx context.Context) error {
	grants, err := l.Store.ListGrants(ctx, l.id)
	for _, g := range grants {
		switch _, err := l.Store.GetClientOfContract(ctx, g.Contract); {
		case errors.Is(err, ErrNotFound):
			l.add("grant %s: there is no contract %s", g.ID, g.Contract)
		case errors.Is(err, ErrUnreadable):
			l.add("grant %s: its contract %s does not parse", g.ID, g.Contract)
		}
		switch {
		case g.wasRevoked() && g.Active(l.Now()):
			l.add("grant %s: the person has revoked it, and its row says that it is in force", g.ID)
		case l.adopted && !g.wasRevoked() && g.RevokedAt.IsZero() && !l.integrity.isGrantBound(g):
			l.add("grant %s: it is not what the person has allowed", g.ID)
		}
	}
	return err
}

// checkChain walks the whole chain and compares it with every checkpoint. After a fault it goes
// on through the lines, for the files that arrived.
func (l *libraryCheck) checkChain(ctx context.Context) error {
	v := &chainVerifier{store: l.Store, integrity: l.integrity, library: l.id, want: map[int64][]byte{},
		notAdopted: !l.adopted}
	checkpoints := &checkpointReader{store: l.Store, library: l.id}
	v.visit = func(e Event) error {
		c, err := checkpoints.at(ctx, e.Seq)
		if err != nil {
			return err
		}
		if c != nil {
			if err := l.integrity.verifyCheckpoint(*c); err != nil {
				return err
			}
			if !bytes.Equal(c.Hash, e.Hash) {
				return v.fault("event %d is another than it was", e.Seq)
			}
		}
		return l.visit(ctx, e)
	}
	head, _, err := v.trust(ctx)
	if err == nil {
		err = v.walk(ctx, 1, head.End.Seq)
	}
	if errors.Is(err, ErrNotFound) {
		return nil // deleted meanwhile
	}
	var fault *ActivityFault
	if !errors.As(err, &fault) {
		return err
	}
	l.add("activity: %s", fault.What)
	for {
		events, err := l.Store.ListEventsAfter(ctx, l.id, l.visited, chainPage)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			if err := l.visit(ctx, e); err != nil {
				return err
			}
		}
	}
}

// checkpointReader reads a library's checkpoints in step with its events.
type checkpointReader struct {
	store   ChainStore
	library ID
	page    []EventCheckpoint
	ended   bool
}

// at returns the checkpoint of an event; nil if it has none. Events are asked for in order.
func (r *checkpointReader) at(ctx context.Context, seq int64) (*EventCheckpoint, error) {
	for len(r.page) > 0 && r.page[0].Seq < seq {
		r.page = r.page[1:]
	}
	if len(r.page) == 0 && !r.ended {
		var err error
		if r.page, err = r.store.ListEventCheckpoints(ctx, r.library, seq-1, checkPage); err != nil {
			return nil, err
		}
		r.ended = len(r.page) < checkPage
	}
	if len(r.page) == 0 || r.page[0].Seq != seq {
		return nil, nil
	}
	return &r.page[0], nil
}

func (l *libraryCheck) visit(ctx context.Context, e Event) error {
	l.visited = e.Seq
	l.summary.Events++
	if !e.Kind.isArrival() || e.Details.File == "" {
		return nil
	}
	l.summary.Files++
	return l.checkFile(ctx, e.Details)
}

package store

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// A push by itself takes nine round trips to PostgreSQL and a commit. Those that wait together are added in one
// transaction of two round trips: the first locks their libraries and asks whether each may be added, the second adds
// all of them and commits. What is refused, and whatever fails, is done again by itself, as any other op.

const (
	// pushWorkers is how many transactions of pushes a server has at a time.
	pushWorkers = 2
	// maxPushes is how many pushes share a transaction.
	maxPushes = 128
	// maxChecks is how often a batch is tried again without the pushes that were refused.
	maxChecks = 3
)

// A push is a file to add, as rows.
type push struct {
	nonce   *library.Nonce
	grant   library.GrantID
	token   seal.Hash // zero for none
	event   library.Event
	file    query.AddFileParams
	content query.AddContentParams
	epoch   *query.AddEpochParams // nil for none
	quota   library.Quota
	alone   op // adds it by itself
}

type pushJob = job[*push]

// A pushGroup adds pushes to PostgreSQL. Libraries are divided between its workers, so that these do not wait for each
// other's rows.
type pushGroup struct {
	pool   *pgxpool.Pool
	writer *pooledWriter // for what is done by itself
	binder Binder        // see [DB.SetBinder]
	seed   maphash.Seed
	queues [pushWorkers]*batchQueue[*push]
	wait   sync.WaitGroup // for the workers, and for what is done by itself
}

func newPushGroup(w *pooledWriter) *pushGroup {
	g := &pushGroup{pool: w.pool, writer: w, seed: maphash.MakeSeed()}
	for i := range g.queues {
		q := newBatchQueue[*push](maxWaiting)
		g.queues[i] = q
		g.wait.Go(func() { q.batches(maxPushes, g.addAll) })
	}
	return g
}

// add implements [pushAdder].
func (g *pushGroup) add(ctx context.Context, p *push) error {
	worker := maphash.String(g.seed, string(p.file.LibraryID)) % pushWorkers
	return g.queues[worker].do(ctx, p)
}

// setBinder implements [pushAdder].
func (g *pushGroup) setBinder(b Binder) { g.binder = b }

// drain waits for the pushes under way; later ones fail.
func (g *pushGroup) drain() {
	for _, q := range g.queues {
		q.close()
	}
	g.wait.Wait()
}

// addAll adds pushes, and tells each of them what came of it.
func (g *pushGroup) addAll(batch []*pushJob) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(batch[0].ctx), writeTimeout)
	defer cancel()
	rest, skipLocked := slices.Clone(batch), false
	for check := 0; check < maxChecks && len(rest) > 0; check++ {
		refused, err := g.transaction(ctx, rest, skipLocked)
		switch {
		case isLockTimeout(err) && !skipLocked:
			// Somebody keeps a library locked. Those who push into others do not wait for that.
			skipLocked = true
			continue
		case errors.Is(err, library.ErrOutcomeUnknown), err == nil && len(refused) == 0:
			for _, j := range rest {
				j.result <- err
			}
			return
		case err != nil:
			g.writer.lost.note(err)
			check = maxChecks
		}
		for j := range refused {
			g.addAlone(j)
		}
		rest = slices.DeleteFunc(rest, func(j *pushJob) bool { return refused[j] })
	}
	for _, j := range rest {
		g.addAlone(j)
	}
}

// addAlone adds a push by itself, while the worker goes on.
func (g *pushGroup) addAlone(j *pushJob) {
	g.wait.Go(func() { j.result <- g.writer.write(j.ctx, j.work.alone) })
}

// transaction adds pushes. If some are refused, or it returns an error, nothing was added, unless the error is
// library.ErrOutcomeUnknown. With skipLocked it refuses pushes into libraries that are locked, and otherwise waits for
// them for a moment.
func (g *pushGroup) transaction(
	ctx context.Context, jobs []*pushJob, skipLocked bool,
) (refused map[*pushJob]bool, err error) {
	conn, err := g.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release() // which closes a connection that is still in a transaction
	c := pushBatch{jobs: jobs, skipLocked: skipLocked, refused: map[*pushJob]bool{},
		chains: map[library.ID]*pushChain{}}
	if err := c.run(ctx, conn); err != nil || len(c.refused) > 0 {
		_, rollbackErr := conn.Exec(ctx, "ROLLBACK")
		return c.refused, errors.Join(err, rollbackErr)
	}
	err = c.insert(ctx, conn, g.binder)
	if err != nil && !errors.Is(err, library.ErrOutcomeUnknown) {
		_, rollbackErr := conn.Exec(ctx, "ROLLBACK")
		err = errors.Join(err, rollbackErr)
	}
	return nil, err
}

package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
	"github.com/carrelhq/carrel/internal/store/internal/query"
)

// pushBatch is a transaction of pushes: it asks whether they may be added, and adds them.
type pushBatch struct {
	jobs []*pushJob
	// skipLocked refuses pushes into libraries that others have locked.
	skipLocked bool
	refused    map[*pushJob]bool
	chains     map[library.ID]*pushChain
	// used are the grants whose last use is to be written.
	used map[library.GrantID]time.Time
}

// pushChain is the end of a library's chain of events.
type pushChain struct {
	before library.ChainEnd
	end    library.ChainEnd
}

// The statements lock rows in the order of their keys, so that two batches cannot wait for each other.
const (
	// useNonces returns the nonces that were not used before.
	useNonces = `INSERT INTO nonces (hash, forget_at)
		SELECT n.hash, ` + query.Clock + ` + n.keep FROM unnest($1::bytea[], $2::bigint[]) AS n (hash, keep)
		ON CONFLICT DO NOTHING RETURNING hash`
	lockChains = `SELECT library_id, events, hash, mac FROM chains
		WHERE library_id = ANY ($1::text[]) ORDER BY library_id FOR NO KEY UPDATE`
	skipChains = lockChains + ` SKIP LOCKED`
	// boundLocks bounds how long a batch waits for others, as it keeps the libraries that it has locked meanwhile.
	boundLocks = `SET LOCAL lock_timeout = '50ms'`
	// findGrants returns the number of each push whose grant and token stand. A token of no bytes is none.
	findGrants = `SELECT p.n, g.last_used_at
		FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS p (grant_id, library_id, token, n)
		JOIN grants g ON g.id = p.grant_id AND g.library_id = p.library_id AND g.revoked_at = 0
		WHERE length(p.token) = 0
			OR EXISTS (SELECT 1 FROM tokens t WHERE t.hash = p.token AND t.grant_id = g.id)`
	// addUsages counts as AddUsage does.
	addUsages = `INSERT INTO usage (library_id, application_id, contract_id, files, bytes)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
		ON CONFLICT (library_id, application_id, contract_id) DO UPDATE SET
			files = CASE WHEN usage.files BETWEEN 0 AND 4503599627370496 THEN usage.files ELSE 0 END + excluded.files,
			bytes = CASE WHEN usage.bytes BETWEEN 0 AND 4503599627370496 THEN usage.bytes ELSE 0 END + excluded.bytes`
	sumUsages = `SELECT library_id,
			SUM(CASE WHEN files BETWEEN 0 AND 4503599627370496 THEN files ELSE 0 END)::bigint,
			SUM(CASE WHEN bytes BETWEEN 0 AND 4503599627370496 THEN bytes ELSE 0 END)::bigint
		FROM usage WHERE library_id = ANY ($1::text[]) GROUP BY library_id`

	insertEvents = `INSERT INTO events (library_id, seq, at, kind, details, previous, hash)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::bytea[])
		ON CONFLICT (library_id, seq) DO UPDATE SET at = excluded.at, kind = excluded.kind,
			details = excluded.details, previous = excluded.previous, hash = excluded.hash`
	insertFiles = `INSERT INTO files (id, library_id, application_id, contract_id, metadata, size, created_at)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[])`
	insertContents = `INSERT INTO contents (file_id, format, sealed_key, data)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[])`
	insertEpochs = `INSERT INTO epochs (library_id, id, encapsulation, created_at)
		SELECT * FROM unnest($1::text[], $2::bytea[], $3::bytea[], $4::bigint[]) ON CONFLICT DO NOTHING`
	setChains = `UPDATE chains SET events = n.events, hash = n.hash, mac = n.mac
		FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bytea[]) AS n (library_id, events, hash, mac)
		WHERE chains.library_id = n.library_id`
	useGrants = `UPDATE grants SET last_used_at = n.at
		FROM unnest($1::text[], $2::bigint[]) AS n (id, at) WHERE grants.id = n.id`
)

// run begins a transaction and notes what is refused in it, which leaves the other pushes to be tried again.
func (c *pushBatch) run(ctx context.Context, conn *pgxpool.Conn) error {
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue(boundLocks)
	c.queueNonces(&b)
	c.queueChains(&b)
	c.queueGrants(&b)
	c.queueUsage(&b)
	return conn.SendBatch(ctx, &b).Close()
}

// refuse refuses the pushes that a condition holds for.
func (c *pushBatch) refuse(is func(p *push) bool) {
	for _, j := range c.jobs {
		if is(j.work) {
			c.refused[j] = true
		}
	}
}

// queueNonces uses the nonces up. One that was used before may be used again by some calls: see UseNonceFor.
func (c *pushBatch) queueNonces(b *pgx.Batch) {
	keep := map[string]int64{}
	for _, j := range c.jobs {
		if n := j.work.nonce; n != nil {
			hash := string(nonceHash(*n))
			if _, twice := keep[hash]; twice {
				c.refused[j] = true
			}
			keep[hash] = n.KeepFor.Milliseconds()
		}
	}
	hashes, times := make([][]byte, 0, len(keep)), make([]int64, 0, len(keep))
	for hash := range keep {
		hashes = append(hashes, []byte(hash))
	}
	slices.SortFunc(hashes, bytes.Compare)
	for _, hash := range hashes {
		times = append(times, keep[string(hash)])
	}
	b.Queue(useNonces, hashes, times).Query(func(rows pgx.Rows) error {
		fresh := map[string]bool{}
		for rows.Next() {
			var hash []byte
			if err := rows.Scan(&hash); err != nil {
				return err
			}
			fresh[string(hash)] = true
		}
		if len(fresh) < len(hashes) {
			c.refuse(func(p *push) bool { return p.nonce != nil && !fresh[string(nonceHash(*p.nonce))] })
		}
		return rows.Err()
	})
}

// queueChains locks the libraries and notes the ends of their chains. A chain that has to be repaired first refuses its
// pushes.
func (c *pushBatch) queueChains(b *pgx.Batch) {
	lock := lockChains
	if c.skipLocked {
		lock = skipChains
	}
	b.Queue(lock, c.libraries()).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var end library.ChainEnd
			if err := rows.Scan(&end.Library, &end.Seq, &end.Hash, &end.MAC); err != nil {
				return err
			}
			if end.Seq >= 0 && end.Seq < 1<<62 {
				c.chains[end.Library] = &pushChain{before: end, end: end}
			}
		}
		c.refuse(func(p *push) bool { return c.chains[p.file.LibraryID] == nil })
		return rows.Err()
	})
}

// libraries returns the libraries of the pushes, sorted.
func (c *pushBatch) libraries() []string {
	var ids []string
	for _, j := range c.jobs {
		ids = append(ids, string(j.work.file.LibraryID))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (c *pushBatch) queueGrants(b *pgx.Batch) {
	n := len(c.jobs)
	grants, libraries, tokens := make([]string, n), make([]string, n), make([][]byte, n)
	for i, j := range c.jobs {
		grants[i], libraries[i], tokens[i] = string(j.work.grant), string(j.work.file.LibraryID), []byte{}
		if j.work.token != (seal.Hash{}) {
			tokens[i] = j.work.token[:]
		}
	}
	b.Queue(findGrants, grants, libraries, tokens).Query(func(rows pgx.Rows) error {
		stands := make([]bool, n)
		c.used = map[library.GrantID]time.Time{}
		for rows.Next() {
			var number, lastUse int64
			if err := rows.Scan(&number, &lastUse); err != nil {
				return err
			}
			stands[number-1] = true
			p := c.jobs[number-1].work
			if p.event.At.Sub(fromMillis(query.Number(lastUse))) >= library.UsePrecision {
				c.used[p.grant] = p.event.At
			}
		}
		for i, j := range c.jobs {
			if !stands[i] {
				c.refused[j] = true
			}
		}
		return rows.Err()
	})
}

// usageKey is what usage is counted by.
type usageKey struct{ library, application, contract string }

// queueUsage counts the files. If all that a library gets does not fit, the pushes into it are tried one by one.
func (c *pushBatch) queueUsage(b *pgx.Batch) {
	added := map[usageKey]library.Used{}
	for _, j := range c.jobs {
		f := j.work.file
		key := usageKey{string(f.LibraryID), string(f.ApplicationID), string(f.ContractID)}
		used := added[key]
		added[key] = library.Used{Files: used.Files + 1, Bytes: used.Bytes + int64(f.Size)}
	}
	keys := make([]usageKey, 0, len(added))
	for key := range added {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(x, y usageKey) int {
		return cmp.Or(strings.Compare(x.library, y.library), strings.Compare(x.application, y.application),
			strings.Compare(x.contract, y.contract))
	})
	var columns [3][]string
	var files, sizes []int64
	for _, key := range keys {
		columns[0] = append(columns[0], key.library)
		columns[1] = append(columns[1], key.application)
		columns[2] = append(columns[2], key.contract)
		files, sizes = append(files, added[key].Files), append(sizes, added[key].Bytes)
	}
	b.Queue(addUsages, columns[0], columns[1], columns[2], files, sizes)
	b.Queue(sumUsages, c.libraries()).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var id library.ID
			var all library.Used
			if err := rows.Scan(&id, &all.Files, &all.Bytes); err != nil {
				return err
			}
			c.refuse(func(p *push) bool {
				size := int64(p.file.Size)
				before := library.Used{Files: all.Files - 1, Bytes: all.Bytes - size}
				return p.file.LibraryID == id && p.quota.Check(library.LibraryQuota, before, size) != nil
			})
		}
		return rows.Err()
	})
}

// insert adds all pushes and commits.
func (c *pushBatch) insert(ctx context.Context, conn *pgxpool.Conn, binder Binder) error {
	var b pgx.Batch
	c.queueEvents(&b, binder)
	c.queueFiles(&b)
	if len(c.used) > 0 {
		var grants []string
		var times []int64
		for _, id := range slices.Sorted(maps.Keys(c.used)) {
			grants, times = append(grants, string(id)), append(times, int64(toMillis(c.used[id])))
		}
		b.Queue(useGrants, grants, times)
	}
	b.Queue("COMMIT")
	if err := conn.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("commit: %w", commitError(err)) // whatever fails, the commit may have been sent
	}
	return nil
}

// queueEvents adds the events to the chains, as addEvent does.
func (c *pushBatch) queueEvents(b *pgx.Batch, binder Binder) {
	n := len(c.jobs)
	ids, kinds, details := make([]string, n), make([]string, n), make([]string, n)
	numbers, times := make([]int64, n), make([]int64, n)
	previous, hashes := make([][]byte, n), make([][]byte, n)
	for i, j := range c.jobs {
		e := j.work.event
		chain := c.chains[e.Library]
		e.Seq = chain.end.Seq + 1
		e.Chain(chain.end.Hash)
		chain.end = e.End()
		ids[i], numbers[i], times[i], kinds[i] = string(e.Library), e.Seq, e.At.UnixMilli(), string(e.Kind)
		details[i], previous[i], hashes[i] = e.DetailsJSON, e.Previous, e.Hash
	}
	b.Queue(insertEvents, ids, numbers, times, kinds, details, previous, hashes)

	ids, numbers, hashes = c.libraries(), nil, nil
	var macs [][]byte
	for _, id := range ids {
		chain := c.chains[library.ID(id)]
		mac := forgedEnd
		if binder.IsChainEndBound(chain.before) {
			mac = binder.BindChainEnd(chain.end)
		}
		numbers, hashes, macs = append(numbers, chain.end.Seq), append(hashes, chain.end.Hash), append(macs, mac)
	}
	b.Queue(setChains, ids, numbers, hashes, macs)
}

func (c *pushBatch) queueFiles(b *pgx.Batch) {
	n := len(c.jobs)
	var texts [5][]string
	for i := range texts {
		texts[i] = make([]string, n)
	}
	sizes, times, formats := make([]int64, n), make([]int64, n), make([]int64, n)
	keys, data := make([][]byte, n), make([][]byte, n)
	for i, j := range c.jobs {
		f, content := j.work.file, j.work.content
		texts[0][i], texts[1][i], texts[2][i] = string(f.ID), string(f.LibraryID), string(f.ApplicationID)
		texts[3][i], texts[4][i] = string(f.ContractID), f.Metadata
		sizes[i], times[i] = int64(f.Size), int64(f.CreatedAt)
		formats[i], keys[i], data[i] = int64(content.Format), content.SealedKey, content.Data
	}
	c.queueEpochs(b)
	b.Queue(insertFiles, texts[0], texts[1], texts[2], texts[3], texts[4], sizes, times)
	b.Queue(insertContents, texts[0], formats, keys, data)
}

// queueEpochs adds the epochs that the files are sealed in, which are there already but for the first file.
func (c *pushBatch) queueEpochs(b *pgx.Batch) {
	rows := map[string]*query.AddEpochParams{}
	for _, j := range c.jobs {
		if e := j.work.epoch; e != nil {
			rows[string(e.LibraryID)+string(e.ID)] = e
		}
	}
	if len(rows) == 0 {
		return
	}
	var libraries []string
	var ids, encapsulations [][]byte
	var times []int64
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		e := rows[key]
		libraries, times = append(libraries, string(e.LibraryID)), append(times, int64(e.CreatedAt))
		ids, encapsulations = append(ids, e.ID), append(encapsulations, e.Encapsulation)
	}
	b.Queue(insertEpochs, libraries, ids, encapsulations, times)
}

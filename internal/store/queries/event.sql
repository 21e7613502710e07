-- The end is that before the event is added; only the number is that of the event.
-- name: CountEvent :one
UPDATE chains SET events = events + 1 WHERE library_id = $1 AND events BETWEEN 0 AND 4611686018427387902 AND CAST(events AS BIGINT) = events
RETURNING events, hash, mac;

-- Makes a row that somebody else has removed, or in which they have put a number that cannot be counted on.
-- name: RepairChain :execrows
INSERT INTO chains (library_id, events, mac)
SELECT libraries.id, (SELECT CAST(COALESCE(MAX(events.seq), 0) AS BIGINT) FROM events
    WHERE events.library_id = libraries.id AND events.seq BETWEEN 0 AND 4611686018427387902), $2
FROM libraries WHERE libraries.id = $1
ON CONFLICT (library_id) DO UPDATE SET events = excluded.events, hash = NULL, mac = excluded.mac;

-- name: SetChainEnd :exec
UPDATE chains SET hash = $2, mac = $3 WHERE library_id = $1;

-- A line that is there already is none of this server: the event takes its place.
-- name: AddEvent :exec
INSERT INTO events (library_id, seq, at, kind, details, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (library_id, seq) DO UPDATE SET at = excluded.at, kind = excluded.kind, details = excluded.details,
    previous = excluded.previous, hash = excluded.hash;

-- SQLite stores any value in any column. What is no number is left out, since a page cannot begin after it.
-- name: ListEvents :many
SELECT * FROM events WHERE library_id = $1 AND seq < $2 AND seq > 0 AND CAST(seq AS BIGINT) = seq
ORDER BY seq DESC LIMIT $3;

-- name: CountEventsBeforeFirst :one
SELECT COUNT(*) FROM events WHERE library_id = $1 AND seq < 1;

-- name: DeleteEventsOfLibrary :exec
DELETE FROM events WHERE library_id = $1;

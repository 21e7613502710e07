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

-- What a push reads: the end of the library's chain, what its files take, and when the grant was last used. There is
-- none unless the grant and, if it has one, its token stand.
-- name: GetPushState :one
SELECT c.events, c.hash, c.mac, g.last_used_at,
    (SELECT CAST(COALESCE(SUM(CASE WHEN CAST(u.files AS BIGINT) BETWEEN 0 AND 4503599627370496
            THEN CAST(u.files AS BIGINT) ELSE 0 END), 0) AS BIGINT)
        FROM usage u WHERE u.library_id = c.library_id) AS files,
    (SELECT CAST(COALESCE(SUM(CASE WHEN CAST(u.bytes AS BIGINT) BETWEEN 0 AND 4503599627370496
            THEN CAST(u.bytes AS BIGINT) ELSE 0 END), 0) AS BIGINT)
        FROM usage u WHERE u.library_id = c.library_id) AS bytes
FROM chains c JOIN grants g ON g.library_id = c.library_id
WHERE c.library_id = sqlc.arg(library_id) AND c.events BETWEEN 0 AND 4611686018427387902
    AND CAST(c.events AS BIGINT) = c.events
    AND g.id = sqlc.arg(grant_id) AND g.revoked_at = 0
    AND (CAST(sqlc.arg(has_token) AS BOOLEAN) = FALSE
        OR EXISTS (SELECT 1 FROM tokens t WHERE t.hash = sqlc.arg(token) AND t.grant_id = g.id));

-- Writes the end of a chain whose earlier end is known.
-- name: MoveChainEnd :exec
UPDATE chains SET events = sqlc.arg(events), hash = sqlc.arg(hash), mac = sqlc.arg(mac)
WHERE library_id = sqlc.arg(library_id);

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

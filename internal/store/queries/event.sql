-- name: CountEvent :execrows
UPDATE chains SET events = events + 1 WHERE library_id = $1;

-- name: GetChainEnd :one
SELECT chains.events AS seq, events.hash AS previous
FROM chains LEFT JOIN events ON events.library_id = chains.library_id AND events.seq = chains.events - 1
WHERE chains.library_id = $1;

-- name: AddEvent :exec
INSERT INTO events (library_id, seq, at, kind, details, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: ListEvents :many
SELECT * FROM events WHERE library_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3;

-- name: DeleteEventsOfLibrary :exec
DELETE FROM events WHERE library_id = $1;

-- The end is that before the event is added; only the number is that of the event.
-- name: CountEvent :one
UPDATE chains SET events = events + 1 WHERE library_id = $1 RETURNING events, hash, mac;

-- name: SetChainEnd :exec
UPDATE chains SET hash = $2, mac = $3 WHERE library_id = $1;

-- name: AddEvent :exec
INSERT INTO events (library_id, seq, at, kind, details, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: ListEvents :many
SELECT * FROM events WHERE library_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3;

-- name: DeleteEventsOfLibrary :exec
DELETE FROM events WHERE library_id = $1;

-- name: NextEvent :one
UPDATE libraries SET event_seq = event_seq + 1 WHERE id = $1 RETURNING event_seq, delete_at;

-- name: GetEventHash :one
SELECT hash FROM events WHERE library_id = $1 AND seq = $2;

-- name: AddEvent :exec
INSERT INTO events (library_id, seq, at, kind, details, previous, hash) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: ListEvents :many
SELECT * FROM events WHERE library_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3;

-- name: DeleteEvents :exec
DELETE FROM events WHERE library_id = $1;

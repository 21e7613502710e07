-- name: AddPostbox :execrows
INSERT INTO postboxes (id, library_id, application_id, contract_id, box, created_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (library_id, contract_id) DO NOTHING;

-- name: FindPostbox :one
SELECT * FROM postboxes WHERE library_id = $1 AND contract_id = $2;

-- name: GetPostbox :one
SELECT * FROM postboxes WHERE id = $1;

-- name: DeletePostboxesOfApplication :exec
DELETE FROM postboxes WHERE library_id = $1 AND application_id = $2;

-- name: ListPostboxes :many
SELECT * FROM postboxes WHERE id > sqlc.arg(after) ORDER BY id LIMIT sqlc.arg(lim);

-- name: ReplacePostbox :exec
UPDATE postboxes SET box = sqlc.arg(replacement) WHERE id = sqlc.arg(id) AND box = sqlc.arg(previous);

-- name: DeletePostboxes :execrows
DELETE FROM postboxes;

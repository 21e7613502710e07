-- name: AddLogin :exec
INSERT INTO logins (id, library_id, hash, seal, pending_code, agent, created_at, seen_at, expires_at, binding)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: GetLogin :one
SELECT sqlc.embed(logins), sqlc.embed(libraries)
FROM logins JOIN libraries ON libraries.id = logins.library_id
WHERE logins.hash = $1;

-- name: TouchLogin :execrows
UPDATE logins SET seen_at = $2, expires_at = $3 WHERE id = $1;

-- name: SetPendingRecoveryCode :execrows
UPDATE logins SET pending_code = $3 WHERE id = $1 AND library_id = $2;

-- name: DeletePendingRecoveryCodes :exec
UPDATE logins SET pending_code = NULL WHERE library_id = $1;

-- name: HasLogin :one
SELECT EXISTS (SELECT 1 FROM logins WHERE id = $1 AND library_id = $2);

-- name: EndLogin :exec
DELETE FROM logins WHERE id = $1;

-- name: EndOtherLogins :exec
DELETE FROM logins WHERE library_id = $1 AND id <> $2;

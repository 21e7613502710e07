-- name: AddSession :exec
INSERT INTO sessions (hash, application_id, contract_id, grant_id, public_key, seal, options, created_at, expires_at,
    unsigned_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: GetSession :one
SELECT * FROM sessions WHERE hash = $1;

-- name: GiveSessionGrant :exec
UPDATE sessions SET grant_id = sqlc.arg(grant_id), seal = sqlc.arg(seal) WHERE hash = sqlc.arg(hash);

-- name: DeleteSessionsOfGrant :exec
DELETE FROM sessions WHERE grant_id = $1;

-- name: DeleteSessionsOfLibrary :exec
DELETE FROM sessions WHERE grant_id IN (SELECT grants.id FROM grants WHERE grants.library_id = $1);

-- Those of a grant but the newest.
-- name: DeleteOldestSessions :execrows
DELETE FROM sessions WHERE hash IN (
    SELECT s.hash FROM sessions s WHERE s.grant_id = $1
    ORDER BY s.created_at DESC LIMIT 1000 OFFSET sqlc.arg(keep));

-- name: DeleteSessionWithoutGrant :exec
DELETE FROM sessions WHERE hash = $1 AND grant_id = '';

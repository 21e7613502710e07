-- name: AddGrant :exec
INSERT INTO grants (id, library_id, application_id, contract_id, created_at, expires_at, last_used_at, revoked_at,
    access, allowed, binding)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: GetGrant :one
SELECT * FROM grants WHERE id = $1;

-- name: ListGrants :many
SELECT * FROM grants WHERE library_id = $1 ORDER BY created_at DESC, id DESC;

-- One whose binding is gone, or is of one byte, was revoked, whatever the row says now.
-- name: FindActiveGrant :one
SELECT * FROM grants
WHERE library_id = $1 AND contract_id = $2 AND revoked_at = 0 AND expires_at > sqlc.arg(at)
    AND length(binding) > 1
ORDER BY created_at DESC, id DESC LIMIT 1;

-- name: CountGrants :one
SELECT COUNT(*) FROM grants
WHERE contract_id = sqlc.arg(contract_id) AND access = sqlc.arg(access) AND allowed = sqlc.arg(allowed)
    AND revoked_at = 0 AND expires_at > sqlc.arg(at) AND length(binding) > 1;

-- name: RenewGrant :exec
UPDATE grants SET expires_at = sqlc.arg(expires_at), access = sqlc.arg(access), allowed = sqlc.arg(allowed),
    binding = sqlc.arg(binding)
WHERE id = sqlc.arg(id);

-- This write changes nothing. It locks the grant, so that the grant cannot be revoked
-- before the transaction has stored what depends on it.
-- name: LockUnrevokedGrant :execrows
UPDATE grants SET revoked_at = 0 WHERE id = $1 AND revoked_at = 0;

-- name: GetLastUse :one
SELECT last_used_at FROM grants WHERE id = sqlc.arg(id) AND library_id = sqlc.arg(library_id) AND revoked_at = 0;

-- name: GetLastUseWithToken :one
SELECT last_used_at FROM grants WHERE grants.id = sqlc.arg(id) AND library_id = sqlc.arg(library_id) AND revoked_at = 0
    AND EXISTS (SELECT 1 FROM tokens WHERE tokens.hash = sqlc.arg(token) AND tokens.grant_id = grants.id);

-- name: UseGrant :exec
UPDATE grants SET last_used_at = sqlc.arg(at) WHERE id = sqlc.arg(id);

-- The binding that it gets never verifies.
-- name: RevokeGrant :exec
UPDATE grants SET revoked_at = CASE WHEN revoked_at = 0 THEN CAST(sqlc.arg(at) AS BIGINT) ELSE revoked_at END,
    binding = sqlc.arg(binding)
WHERE id = sqlc.arg(id);

-- name: RevokeGrantsOfLibrary :exec
UPDATE grants SET revoked_at = CASE WHEN revoked_at = 0 THEN CAST(sqlc.arg(at) AS BIGINT) ELSE revoked_at END,
    binding = sqlc.arg(binding)
WHERE library_id = sqlc.arg(library_id);

-- name: ListGrantsOfApplication :many
SELECT * FROM grants WHERE library_id = $1 AND application_id = $2 ORDER BY created_at, id;

-- Whether there is something that revoking removes.
-- name: IsGrantInUse :one
SELECT CAST(
    EXISTS (SELECT 1 FROM tokens t WHERE t.grant_id = sqlc.arg(id) AND length(t.seal) > 0)
    OR EXISTS (SELECT 1 FROM codes c WHERE c.grant_id = sqlc.arg(id) AND length(c.seal) > 0)
    OR EXISTS (SELECT 1 FROM sessions s WHERE s.grant_id = sqlc.arg(id))
    OR EXISTS (SELECT 1 FROM provider_accounts a WHERE a.grant_id = sqlc.arg(id) AND a.grant_id <> '')
    OR EXISTS (SELECT 1 FROM deliveries d
        WHERE d.library_id = sqlc.arg(library_id) AND d.state = 'waiting' AND d.grant_id = sqlc.arg(id))
AS BOOLEAN);

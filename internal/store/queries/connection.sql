-- An existing connection keeps its id, its reference and whether it is pending. Its new
-- access_version makes a refresh of the old tokens that is in progress fail.
-- name: Connect :one
INSERT INTO provider_accounts (id, reference, library_id, application_id, source_id, source, pending, access,
    access_version, access_until, renewal_until, ended_at, correlation, created_at, updated_at, last_used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14, $15)
ON CONFLICT (library_id, application_id, source_id) DO UPDATE SET
    source = excluded.source, access = excluded.access, access_version = provider_accounts.access_version + 1,
    access_until = excluded.access_until, renewal_until = 0, ended_at = 0, correlation = excluded.correlation,
    updated_at = excluded.updated_at
RETURNING *;

-- name: GetConnection :one
SELECT * FROM provider_accounts WHERE id = $1;

-- name: ListConnections :many
SELECT * FROM provider_accounts
WHERE library_id = sqlc.arg(library_id) AND NOT pending
    AND (sqlc.arg(application_id) = '' OR application_id = sqlc.arg(application_id))
ORDER BY created_at, id;

-- name: ClaimRefresh :one
UPDATE provider_accounts SET renewal_until = sqlc.arg(until)
WHERE id = sqlc.arg(id) AND access_version = sqlc.arg(version) AND renewal_until <= sqlc.arg(now)
RETURNING *;

-- name: StoreTokens :execrows
UPDATE provider_accounts SET access = sqlc.arg(access), access_until = sqlc.arg(access_until),
    access_version = access_version + 1, renewal_until = 0, updated_at = sqlc.arg(at)
WHERE id = sqlc.arg(id) AND access_version = sqlc.arg(version);

-- name: ReleaseRefresh :exec
UPDATE provider_accounts SET renewal_until = 0 WHERE id = sqlc.arg(id) AND access_version = sqlc.arg(version);

-- name: EndAccess :execrows
UPDATE provider_accounts SET ended_at = sqlc.arg(at), access = NULL, access_version = access_version + 1, renewal_until = 0
WHERE id = sqlc.arg(id) AND access_version = sqlc.arg(version) AND ended_at = 0;

-- name: UseConnection :execrows
UPDATE provider_accounts SET last_used_at = sqlc.arg(at)
WHERE id = sqlc.arg(id) AND library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id) AND NOT pending;

-- name: EndPending :exec
UPDATE provider_accounts SET pending = FALSE WHERE id = $1 AND pending;

-- name: EndPendingOfLibrary :exec
UPDATE provider_accounts SET pending = FALSE WHERE id = $1 AND library_id = $2 AND pending;

-- name: DeletePendingConnection :exec
DELETE FROM provider_accounts WHERE id = $1 AND pending;

-- name: Disconnect :execrows
DELETE FROM provider_accounts
WHERE id = sqlc.arg(id) AND library_id = sqlc.arg(library_id)
    AND (sqlc.arg(application_id) = '' OR application_id = sqlc.arg(application_id));

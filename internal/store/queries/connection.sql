-- name: AddConnection :one
INSERT INTO provider_accounts (id, reference, library_id, application_id, grant_id, source_id, source, pending, access,
    access_version, access_until, renewal_until, ended_at, correlation, created_at, updated_at, last_used_at)
VALUES ($1, $2, $3, $4, '', $5, $6, $7, $8, $9, $10, 0, $11, $12, $13, $14, $15)
RETURNING *;

-- It keeps its id, its reference and whether it is pending. Whoever was about to renew the access
-- that it had has nothing to renew any more.
-- name: RenewConnection :one
UPDATE provider_accounts SET source = $2, access = $3, access_version = access_version + 1, access_until = $4,
    renewal_until = 0, ended_at = 0, correlation = $5, updated_at = $6
WHERE id = $1
RETURNING *;

-- The account that the active grant of a contract has at a source.
-- name: FindConnectionOfContract :one
SELECT provider_accounts.* FROM provider_accounts JOIN grants ON grants.id = provider_accounts.grant_id
WHERE provider_accounts.library_id = sqlc.arg(library_id) AND provider_accounts.source_id = sqlc.arg(source_id)
    AND grants.contract_id = sqlc.arg(contract_id) AND grants.revoked_at = 0 AND grants.expires_at > sqlc.arg(at)
ORDER BY grants.created_at DESC, grants.id DESC LIMIT 1;

-- name: FindConnectionOfGrant :one
SELECT * FROM provider_accounts WHERE grant_id = $1 AND grant_id <> '' AND source_id = $2;

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
UPDATE provider_accounts SET ended_at = sqlc.arg(at), access = sqlc.arg(remainder), access_version = access_version + 1, renewal_until = 0
WHERE id = sqlc.arg(id) AND access_version = sqlc.arg(version) AND ended_at = 0;

-- name: UseConnection :execrows
UPDATE provider_accounts SET last_used_at = sqlc.arg(at)
WHERE id = sqlc.arg(id) AND library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id)
    AND grant_id = sqlc.arg(grant_id) AND NOT pending;

-- Whoever was about to renew the access of another grant has nothing to renew any more.
-- name: GiveConnectionGrant :exec
UPDATE provider_accounts SET pending = FALSE, grant_id = $2, access = $3,
    access_version = access_version + CASE WHEN grant_id = '' THEN 0 ELSE 1 END
WHERE id = $1;

-- name: DeletePendingConnection :one
DELETE FROM provider_accounts WHERE id = $1 AND pending RETURNING *;

-- name: DeleteConnection :one
DELETE FROM provider_accounts WHERE id = $1 RETURNING *;

-- name: ListConnectionsOfGrant :many
SELECT * FROM provider_accounts WHERE grant_id = $1 AND grant_id <> '' ORDER BY created_at, id;

-- name: ListPendingConnections :many
SELECT * FROM provider_accounts
WHERE library_id = $1 AND application_id = $2 AND pending ORDER BY created_at, id;

-- name: ListConnectionsOfLibrary :many
SELECT * FROM provider_accounts WHERE library_id = $1 ORDER BY created_at, id;

-- Those whose grant has expired, and those of before that have none.
-- name: ListUngranted :many
SELECT * FROM provider_accounts
WHERE NOT pending AND NOT EXISTS (
    SELECT 1 FROM grants WHERE grants.id = provider_accounts.grant_id AND grants.revoked_at = 0
        AND grants.expires_at > CAST(sqlc.arg(now) AS BIGINT))
ORDER BY id LIMIT sqlc.arg(lim);

-- name: AddTokenRevocation :exec
INSERT INTO token_revocations (account_id, library_id, application_id, source, access, created_at, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (account_id) DO UPDATE SET access = excluded.access;

-- name: ListTokenRevocations :many
SELECT * FROM token_revocations WHERE next_at <= sqlc.arg(now) ORDER BY next_at, account_id LIMIT sqlc.arg(lim);

-- name: ClaimTokenRevocation :one
UPDATE token_revocations SET next_at = sqlc.arg(next) WHERE account_id = sqlc.arg(account_id) AND next_at <= sqlc.arg(now)
RETURNING *;

-- name: DeleteTokenRevocation :exec
DELETE FROM token_revocations WHERE account_id = $1;

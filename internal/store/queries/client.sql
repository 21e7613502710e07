-- name: AddApplication :exec
INSERT INTO applications (id, name, partner_id, about, checked, created_at, disabled_at, quota_files, quota_bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: AddContract :exec
INSERT INTO contracts (id, application_id, access, public_key, redirect_uris, scope, purpose, terms, privacy,
    grant_for, created_at, expires_at, disabled_at, deletes_library, old_public_key, old_key_expires_at,
    quota_files, quota_bytes, sandbox)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19);

-- name: GetClient :one
SELECT sqlc.embed(applications), sqlc.embed(contracts)
FROM contracts JOIN applications ON applications.id = contracts.application_id
WHERE contracts.id = $1;

-- name: ListApplications :many
SELECT * FROM applications ORDER BY created_at, id;

-- name: ListContracts :many
SELECT * FROM contracts
WHERE sqlc.arg(application_id) = '' OR application_id = sqlc.arg(application_id)
ORDER BY created_at, id;

-- name: DisableApplication :execrows
UPDATE applications SET disabled_at = CASE WHEN disabled_at = 0 THEN CAST(sqlc.arg(at) AS BIGINT) ELSE disabled_at END
WHERE id = sqlc.arg(id);

-- name: DisableContract :execrows
UPDATE contracts SET disabled_at = CASE WHEN disabled_at = 0 THEN CAST(sqlc.arg(at) AS BIGINT) ELSE disabled_at END
WHERE id = sqlc.arg(id);

-- name: EnableApplication :execrows
UPDATE applications SET disabled_at = 0 WHERE id = $1;

-- name: EnableContract :execrows
UPDATE contracts SET disabled_at = 0 WHERE id = $1;

-- These two writes change nothing. They lock a row, so that nobody changes it between what the transaction
-- reads and what it stores.
-- name: LockApplication :execrows
UPDATE applications SET disabled_at = disabled_at WHERE id = $1;

-- name: LockContract :execrows
UPDATE contracts SET disabled_at = disabled_at WHERE id = $1;

-- name: GetApplication :one
SELECT * FROM applications WHERE id = $1;

-- name: UpdateApplication :exec
UPDATE applications SET name = sqlc.arg(name), about = sqlc.arg(about), checked = sqlc.arg(checked),
    quota_files = sqlc.arg(quota_files), quota_bytes = sqlc.arg(quota_bytes)
WHERE id = sqlc.arg(id);

-- name: UpdateContract :exec
UPDATE contracts SET access = sqlc.arg(access), public_key = sqlc.arg(public_key),
    redirect_uris = sqlc.arg(redirect_uris), scope = sqlc.arg(scope), purpose = sqlc.arg(purpose),
    terms = sqlc.arg(terms), privacy = sqlc.arg(privacy), grant_for = sqlc.arg(grant_for),
    expires_at = sqlc.arg(expires_at), deletes_library = sqlc.arg(deletes_library),
    old_public_key = sqlc.arg(old_public_key), old_key_expires_at = sqlc.arg(old_key_expires_at),
    sandbox = sqlc.arg(sandbox), quota_files = sqlc.arg(quota_files), quota_bytes = sqlc.arg(quota_bytes)
WHERE id = sqlc.arg(id);

-- name: AddApplication :exec
INSERT INTO applications (id, name, partner_id, about, checked, created_at, disabled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: AddContract :exec
INSERT INTO contracts (id, application_id, access, public_key, redirect_uris, scope, purpose, terms, privacy,
    grant_for, created_at, expires_at, disabled_at, deletes_library)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

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

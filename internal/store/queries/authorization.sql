-- name: AddAuthorization :exec
INSERT INTO trips (hash, link_hash, application_id, library_id, login_id, source, correlation, secrets,
    created_at, expires_at, ended_at, account_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: GetAuthorization :one
SELECT * FROM trips WHERE hash = $1;

-- name: EndAuthorization :execrows
UPDATE trips SET ended_at = $2, secrets = $3 WHERE hash = $1 AND ended_at = 0;

-- name: SetAuthorizationResult :exec
UPDATE trips SET result = $2 WHERE hash = $1;

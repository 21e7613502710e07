-- name: AddAuthCode :exec
INSERT INTO codes (hash, grant_id, application_id, contract_id, challenge, seal, expires_at, used_at, binding)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: GetAuthCode :one
SELECT * FROM codes WHERE hash = $1;

-- name: UseAuthCode :execrows
UPDATE codes SET used_at = $2, seal = NULL WHERE hash = $1 AND used_at = 0;

-- name: DeleteAuthCodeSealsOfGrant :exec
UPDATE codes SET seal = NULL WHERE grant_id = $1;

-- name: DeleteAuthCodeSealsOfLibrary :exec
UPDATE codes SET seal = NULL WHERE grant_id IN (SELECT grants.id FROM grants WHERE grants.library_id = $1);

-- name: SetAuthCodeReuse :exec
UPDATE codes SET reuse = $2 WHERE hash = $1;

-- name: AddToken :exec
INSERT INTO tokens (hash, use, grant_id, seal, expires_at, binding, code_hash) VALUES ($1, $2, $3, $4, $5, $6, $7);

-- Those of a grant and use but the ones that expire last.
-- name: DeleteOldestTokens :execrows
DELETE FROM tokens WHERE hash IN (
    SELECT t.hash FROM tokens t WHERE t.grant_id = $1 AND t.use = $2
    ORDER BY t.expires_at DESC LIMIT 1000 OFFSET sqlc.arg(keep));

-- name: DeleteTokensOfCode :exec
DELETE FROM tokens WHERE code_hash = $1;

-- name: GetTokenInfo :one
SELECT sqlc.embed(tokens), sqlc.embed(grants), sqlc.embed(libraries)
FROM tokens
JOIN grants ON grants.id = tokens.grant_id
JOIN libraries ON libraries.id = grants.library_id
WHERE tokens.hash = $1 AND tokens.use = $2;

-- name: DeleteTokenSealsOfGrant :exec
UPDATE tokens SET seal = NULL WHERE grant_id = $1;

-- name: DeleteTokenSealsOfLibrary :exec
UPDATE tokens SET seal = NULL WHERE grant_id IN (SELECT grants.id FROM grants WHERE grants.library_id = $1);

-- name: RememberTokensOfLibrary :exec
INSERT INTO deleted_tokens (hash, forget_at)
SELECT tokens.hash, CAST(sqlc.arg(forget_at) AS BIGINT) FROM tokens JOIN grants ON grants.id = tokens.grant_id
WHERE grants.library_id = sqlc.arg(library_id) AND tokens.use = sqlc.arg(use)
ON CONFLICT (hash) DO NOTHING;

-- name: WasDeleted :one
SELECT EXISTS (SELECT 1 FROM deleted_tokens WHERE hash = $1 AND forget_at > sqlc.arg(at));

-- name: RememberTokensOfGrant :exec
INSERT INTO deleted_tokens (hash, forget_at)
SELECT tokens.hash, CAST(sqlc.arg(forget_at) AS BIGINT) FROM tokens
WHERE tokens.grant_id = sqlc.arg(grant_id) AND tokens.use = sqlc.arg(use)
ON CONFLICT (hash) DO NOTHING;

-- name: RememberLoginsOfLibrary :exec
INSERT INTO deleted_tokens (hash, forget_at)
SELECT logins.hash, CAST(sqlc.arg(forget_at) AS BIGINT) FROM logins WHERE logins.library_id = sqlc.arg(library_id)
ON CONFLICT (hash) DO NOTHING;

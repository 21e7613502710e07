-- name: AddAuthRequest :exec
INSERT INTO links (hash, kind, application_id, contract_id, redirect_uri, state, challenge, library_id, session_hash,
    created_at, expires_at, answered_at, account_id, binding, session_binding, postbox)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16);

-- name: GetAuthRequest :one
SELECT * FROM links WHERE hash = $1;

-- name: AnswerAuthRequest :one
UPDATE links SET answered_at = $2, answer = $3, answered_by = $4 WHERE hash = $1 AND answered_at = 0
RETURNING session_hash, account_id;

-- This write changes nothing. It locks the request, so that the request cannot be
-- answered before its account is stored.
-- name: LockOpenAuthRequest :execrows
UPDATE links SET answered_at = 0 WHERE hash = $1 AND answered_at = 0;

-- name: SetAuthRequestAccount :exec
UPDATE links SET account_id = $2 WHERE hash = $1;

-- name: DeleteAuthRequestsOfLibrary :exec
DELETE FROM links WHERE links.library_id = $1;

-- name: DeleteAuthRequestsOfSessionsOfLibrary :exec
DELETE FROM links WHERE session_hash IN (
    SELECT sessions.hash FROM sessions JOIN grants ON grants.id = sessions.grant_id WHERE grants.library_id = $1);

-- name: DeleteAuthRequestsOfConnectionsOfLibrary :exec
DELETE FROM links WHERE account_id <> '' AND account_id IN (
    SELECT provider_accounts.id FROM provider_accounts WHERE provider_accounts.library_id = $1);

-- Those of an application that only the person of a library may answer. Their sessions end too.
-- name: DeleteSessionsOfOpenRequests :exec
DELETE FROM sessions WHERE hash IN (
    SELECT l.session_hash FROM links l
    WHERE l.library_id = sqlc.arg(library_id) AND l.application_id = sqlc.arg(application_id) AND l.answered_at = 0);

-- name: ExpireOpenRequests :exec
UPDATE links SET expires_at = sqlc.arg(at)
WHERE library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id) AND answered_at = 0
    AND kind <> 'revoke' AND expires_at > CAST(sqlc.arg(at) AS BIGINT);

-- Those of a contract and a library, or of no library, but the newest.
-- name: ListOldestAuthRequests :many
SELECT l.hash, l.session_hash FROM links l WHERE l.contract_id = $1 AND l.library_id = $2
ORDER BY l.created_at DESC LIMIT 1000 OFFSET sqlc.arg(keep);

-- name: DeleteAuthRequest :exec
DELETE FROM links WHERE hash = $1;

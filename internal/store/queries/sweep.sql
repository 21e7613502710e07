-- The queries below delete expired rows in portions, so that no push waits long. A row
-- with the time 0 never expires.

-- name: SweepNonces :execrows
DELETE FROM nonces WHERE hash IN (
    SELECT n.hash FROM nonces n WHERE n.forget_at > 0 AND n.forget_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: SweepAuthRequests :execrows
DELETE FROM links WHERE hash IN (
    SELECT l.hash FROM links l WHERE l.expires_at > 0 AND l.expires_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: SweepAuthCodes :execrows
DELETE FROM codes WHERE hash IN (
    SELECT c.hash FROM codes c
    WHERE c.expires_at > 0 AND c.expires_at <= sqlc.arg(now) AND c.used_at = 0 LIMIT sqlc.arg(portion));

-- name: SweepUsedAuthCodes :execrows
DELETE FROM codes WHERE hash IN (
    SELECT c.hash FROM codes c
    WHERE c.expires_at > 0 AND c.expires_at <= sqlc.arg(now) AND c.used_at <> 0 LIMIT sqlc.arg(portion));

-- name: SweepSessions :execrows
DELETE FROM sessions WHERE hash IN (
    SELECT s.hash FROM sessions s WHERE s.expires_at > 0 AND s.expires_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: SweepLogins :execrows
DELETE FROM logins WHERE id IN (
    SELECT l.id FROM logins l WHERE l.expires_at > 0 AND l.expires_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: SweepAccountHandles :execrows
DELETE FROM account_references WHERE id IN (
    SELECT r.id FROM account_references r WHERE r.expires_at > 0 AND r.expires_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: SweepTokenSeals :execrows
UPDATE tokens SET seal = NULL WHERE hash IN (
    SELECT t.hash FROM tokens t
    WHERE t.expires_at > 0 AND t.expires_at <= sqlc.arg(now) AND length(t.seal) > 0 LIMIT sqlc.arg(portion));

-- name: SweepTokens :execrows
DELETE FROM tokens WHERE hash IN (
    SELECT t.hash FROM tokens t WHERE t.expires_at > 0 AND t.expires_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: SweepDeletedTokens :execrows
DELETE FROM deleted_tokens WHERE hash IN (
    SELECT t.hash FROM deleted_tokens t WHERE t.forget_at > 0 AND t.forget_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: SweepAuthorizations :execrows
DELETE FROM trips WHERE hash IN (
    SELECT t.hash FROM trips t WHERE t.expires_at > 0 AND t.expires_at <= sqlc.arg(now) LIMIT sqlc.arg(portion));

-- name: ListLostConnections :many
SELECT a.id FROM provider_accounts a
WHERE a.pending AND a.created_at < sqlc.arg(before) AND a.updated_at < sqlc.arg(before)
    AND NOT EXISTS (SELECT 1 FROM links l WHERE l.account_id <> '' AND l.account_id = a.id)
LIMIT sqlc.arg(portion);

-- The condition is repeated after a wait for another to write the row: an account that has just
-- been connected anew, or allowed, stays.
-- name: DeleteLostConnection :one
DELETE FROM provider_accounts WHERE id = sqlc.arg(id) AND pending AND updated_at < sqlc.arg(before) RETURNING *;

-- name: SweepTokenRevocations :execrows
DELETE FROM token_revocations WHERE account_id IN (
    SELECT r.account_id FROM token_revocations r WHERE r.created_at <= sqlc.arg(before) LIMIT sqlc.arg(portion));

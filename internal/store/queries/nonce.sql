-- A nonce that was used before may be used once more by the call that it is kept for.
-- name: UseNonce :execrows
INSERT INTO nonces (hash, forget_at) VALUES ($1, $2)
ON CONFLICT (hash) DO UPDATE SET retry_until = 0
    WHERE nonces.retry_until > sqlc.arg(now) AND nonces.retry_call = sqlc.arg(call);

-- name: AllowRetry :exec
UPDATE nonces SET retry_call = sqlc.arg(call), retry_until = sqlc.arg(until) WHERE hash = $1;

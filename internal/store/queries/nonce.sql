-- name: UseNonce :execrows
INSERT INTO nonces (hash, forget_at) VALUES ($1, $2) ON CONFLICT DO NOTHING;

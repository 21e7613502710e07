-- name: UseNonce :execrows
INSERT INTO nonces (client, value, forget_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING;

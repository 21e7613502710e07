-- name: AddFirstSigningKey :exec
INSERT INTO signing_keys (id, place, public_key, private, created_at)
SELECT $1, 1, $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM signing_keys)
ON CONFLICT DO NOTHING;

-- name: ListSigningKeys :many
SELECT * FROM signing_keys ORDER BY created_at DESC, id;

-- name: AddLibrary :exec
INSERT INTO libraries (id, email, public_key, created_at, code_saved, code_made_at, delete_at, binding, sandbox)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: AddChain :exec
INSERT INTO chains (library_id, events, hash, mac) VALUES ($1, 1, $2, $3);

-- name: FindLibrary :one
SELECT * FROM libraries WHERE email = $1;

-- name: GetLibrary :one
SELECT * FROM libraries WHERE id = $1;

-- This write changes nothing. It locks the library: a write is the only way to lock that
-- both databases have.
-- name: LockLibrary :execrows
UPDATE chains SET events = events WHERE library_id = $1;

-- name: DeleteLibrary :exec
DELETE FROM libraries WHERE id = $1;

-- name: SetDeleteAt :exec
UPDATE libraries SET delete_at = $2 WHERE id = $1;

-- name: ListShut :many
SELECT id FROM libraries WHERE delete_at <> 0 AND delete_at <= $1 ORDER BY delete_at, id;

-- Lists the sandboxes that no token opens. A library with a lock is a person's, whatever its row says.
-- name: ListUnopenable :many
SELECT l.id FROM libraries l
WHERE l.sandbox AND l.created_at <= sqlc.arg(before)
    AND NOT EXISTS (SELECT 1 FROM locks k WHERE k.library_id = l.id)
    AND NOT EXISTS (
        SELECT 1 FROM grants g JOIN tokens t ON t.grant_id = g.id
        WHERE g.library_id = l.id AND g.revoked_at = 0 AND (t.expires_at = 0 OR t.expires_at > sqlc.arg(now)))
ORDER BY l.created_at, l.id LIMIT sqlc.arg(lim);

-- name: SetRecoveryCodeMade :exec
UPDATE libraries SET code_saved = FALSE, code_made_at = $2 WHERE id = $1;

-- name: SetRecoveryCodeSaved :execrows
UPDATE libraries SET code_saved = TRUE WHERE id = $1;

-- name: SetLock :exec
INSERT INTO locks (library_id, kind, box, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (library_id, kind) DO UPDATE SET box = excluded.box, created_at = excluded.created_at;

-- name: GetLock :one
SELECT * FROM locks WHERE library_id = $1 AND kind = $2;

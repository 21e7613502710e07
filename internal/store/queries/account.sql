-- An existing account keeps its values and is no longer hidden.
-- name: AddOrShowAccount :one
INSERT INTO accounts (id, reference, library_id, application_id, subject, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (library_id, application_id) DO UPDATE SET hidden_at = 0
RETURNING *;

-- name: GetAccount :one
SELECT * FROM accounts WHERE library_id = $1 AND application_id = $2;

-- name: ListAccounts :many
SELECT * FROM accounts WHERE library_id = $1 AND application_id = $2 AND hidden_at = 0 ORDER BY created_at, id;

-- name: HideAccount :exec
UPDATE accounts SET hidden_at = sqlc.arg(at)
WHERE library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id) AND hidden_at = 0;

-- name: AddAccountHandle :exec
INSERT INTO account_references (id, application_id, contract_id, account_id, expires_at, kind)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: GetAccountHandle :one
SELECT * FROM account_references WHERE id = $1;

-- name: DeleteAccountHandlesOfLibrary :exec
DELETE FROM account_references WHERE account_id IN (SELECT accounts.id FROM accounts WHERE accounts.library_id = $1);

-- Those of a contract but the newest.
-- name: DeleteOldestAccountHandles :execrows
DELETE FROM account_references WHERE id IN (
    SELECT r.id FROM account_references r WHERE r.contract_id = $1
    ORDER BY r.expires_at DESC LIMIT 1000 OFFSET sqlc.arg(keep));

-- name: AddAccount :exec
INSERT INTO accounts (id, reference, library_id, application_id, subject, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (library_id, application_id) DO NOTHING;

-- name: GetAccount :one
SELECT * FROM accounts WHERE library_id = $1 AND application_id = $2;

-- name: ListAccounts :many
SELECT * FROM accounts WHERE library_id = $1 AND application_id = $2 ORDER BY created_at, id;

-- name: AddReference :exec
INSERT INTO account_references (id, application_id, contract_id, account_id, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: GetReference :one
SELECT * FROM account_references WHERE id = $1;

-- name: DeleteReferencesTo :exec
DELETE FROM account_references WHERE account_id IN (SELECT accounts.id FROM accounts WHERE accounts.library_id = $1);

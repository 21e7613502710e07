-- name: AddAuditEntry :exec
INSERT INTO audit_entries (id, at, operator, command, details, outcome) VALUES ($1, $2, $3, $4, $5, $6);

-- name: EndAuditEntry :execrows
UPDATE audit_entries SET details = sqlc.arg(details), outcome = sqlc.arg(outcome) WHERE id = sqlc.arg(id);

-- Newest first.
-- name: ListAuditEntries :many
SELECT * FROM audit_entries ORDER BY at DESC, id DESC LIMIT $1;

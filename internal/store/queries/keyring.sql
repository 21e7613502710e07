-- What the master keyring has sealed: signing keys (see signing_key.sql), secrets of
-- authorizations, access to accounts, also to revoke it, payloads and answers of deliveries.

-- name: ListSealedAuthorizations :many
SELECT * FROM trips WHERE hash > sqlc.arg(after) AND secrets IS NOT NULL ORDER BY hash LIMIT sqlc.arg(lim);

-- name: ListSealedConnections :many
SELECT * FROM provider_accounts WHERE id > CAST(sqlc.arg(after) AS TEXT) AND access IS NOT NULL
ORDER BY id LIMIT sqlc.arg(lim);

-- name: ListSealedTokenRevocations :many
SELECT * FROM token_revocations WHERE account_id > CAST(sqlc.arg(after) AS TEXT) ORDER BY account_id LIMIT sqlc.arg(lim);

-- name: ListSealedDeliveries :many
SELECT delivery_id FROM delivery_contents
WHERE delivery_id > CAST(sqlc.arg(after) AS TEXT) AND (payload IS NOT NULL OR answer IS NOT NULL)
ORDER BY delivery_id LIMIT sqlc.arg(lim);

-- The contract of an account's grant or, if it has none, that of the request for which it is connected.
-- name: GetContractOfConnection :one
SELECT CAST(COALESCE(
    (SELECT grants.contract_id FROM grants WHERE grants.id = provider_accounts.grant_id),
    (SELECT links.contract_id FROM links WHERE links.account_id = provider_accounts.id AND links.account_id <> ''
        ORDER BY links.created_at DESC, links.hash LIMIT 1),
    '') AS TEXT) AS contract_id
FROM provider_accounts WHERE provider_accounts.id = $1;

-- name: ReplaceSigningKey :exec
UPDATE signing_keys SET private = sqlc.arg(replacement) WHERE id = sqlc.arg(id) AND private = sqlc.arg(previous);

-- name: ReplaceAuthorizationSecrets :exec
UPDATE trips SET secrets = sqlc.arg(replacement) WHERE hash = sqlc.arg(hash) AND secrets = sqlc.arg(previous);

-- name: ReplaceConnectionAccess :exec
UPDATE provider_accounts SET access = sqlc.arg(replacement) WHERE id = sqlc.arg(id) AND access = sqlc.arg(previous);

-- name: ReplaceTokenRevocation :exec
UPDATE token_revocations SET access = sqlc.arg(replacement)
WHERE account_id = sqlc.arg(account_id) AND access = sqlc.arg(previous);

-- name: ReplacePayload :exec
UPDATE delivery_contents SET payload = sqlc.arg(replacement)
WHERE delivery_id = sqlc.arg(delivery_id) AND payload = sqlc.arg(previous);

-- name: ReplaceAnswer :exec
UPDATE delivery_contents SET answer = sqlc.arg(replacement)
WHERE delivery_id = sqlc.arg(delivery_id) AND answer = sqlc.arg(previous);

-- A fingerprint of another length was made by an older program, and is no box.
-- name: ListFingerprints :many
SELECT file_id, fingerprint FROM collected_files
WHERE file_id > CAST(sqlc.arg(after) AS TEXT) AND length(fingerprint) = 65
ORDER BY file_id LIMIT sqlc.arg(lim);

-- name: ReplaceFingerprint :exec
UPDATE collected_files SET fingerprint = sqlc.arg(replacement)
WHERE file_id = sqlc.arg(file_id) AND fingerprint = sqlc.arg(previous);

-- name: DeleteSigningKeys :execrows
DELETE FROM signing_keys;

-- name: DeleteAuthorizationSecrets :execrows
DELETE FROM trips WHERE secrets IS NOT NULL;

-- name: DeleteTokenRevocations :execrows
DELETE FROM token_revocations;

-- name: ListUnfinishedDeliveries :many
SELECT * FROM deliveries WHERE state IN ('waiting', 'posting') ORDER BY library_id, id;

-- name: EndUnfinishedDelivery :exec
UPDATE deliveries SET state = sqlc.arg(state), reason = sqlc.arg(reason), updated_at = sqlc.arg(at), lease = '', lease_until = 0
WHERE id = sqlc.arg(id);

-- name: DeleteDeliveryContents :execrows
UPDATE delivery_contents SET payload = NULL, answer = NULL, answered_at = 0
WHERE payload IS NOT NULL OR answer IS NOT NULL;

-- name: DeleteConnectionAccess :exec
UPDATE provider_accounts SET ended_at = sqlc.arg(at), access = NULL, access_version = access_version + 1, renewal_until = 0
WHERE id = sqlc.arg(id);

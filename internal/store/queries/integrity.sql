-- name: GetAdoption :one
SELECT * FROM adoptions WHERE id = $1;

-- name: AddAdoption :exec
INSERT INTO adoptions (id, adopted_at, mac) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING;

-- name: ListUnboundLibraries :many
SELECT id, public_key FROM libraries WHERE binding IS NULL AND id > $1 ORDER BY id LIMIT $2;

-- name: BindLibrary :exec
UPDATE libraries SET binding = $3 WHERE id = $1 AND public_key = $2;

-- A binding of 32 bytes lacks the part under the master keyring, which has 37.
-- name: ListUnboundTokens :many
SELECT tokens.hash, libraries.id, libraries.public_key, tokens.binding
FROM tokens
JOIN grants ON grants.id = tokens.grant_id
JOIN libraries ON libraries.id = grants.library_id
WHERE (tokens.binding IS NULL OR length(tokens.binding) = 32) AND tokens.hash > $1 ORDER BY tokens.hash LIMIT $2;

-- name: BindToken :exec
UPDATE tokens SET binding = $2 WHERE hash = $1;

-- name: ListUnboundAuthCodes :many
SELECT codes.hash, libraries.id, libraries.public_key, codes.binding
FROM codes
JOIN grants ON grants.id = codes.grant_id
JOIN libraries ON libraries.id = grants.library_id
WHERE (codes.binding IS NULL OR length(codes.binding) = 32) AND codes.hash > $1 ORDER BY codes.hash LIMIT $2;

-- name: BindAuthCode :exec
UPDATE codes SET binding = $2 WHERE hash = $1;

-- name: ListUnboundChains :many
SELECT chains.library_id, chains.events, events.hash
FROM chains LEFT JOIN events ON events.library_id = chains.library_id AND events.seq = chains.events
WHERE chains.mac IS NULL AND chains.library_id > $1 ORDER BY chains.library_id LIMIT $2;

-- A chain that has grown since has got its MAC.
-- name: BindChain :exec
UPDATE chains SET hash = sqlc.arg(hash), mac = sqlc.arg(mac)
WHERE library_id = sqlc.arg(library_id) AND events = sqlc.arg(events) AND mac IS NULL;

-- One that was revoked stays without a binding, so that nobody can put it back.
-- name: ListUnboundGrants :many
SELECT sqlc.embed(grants), sqlc.embed(contracts)
FROM grants JOIN contracts ON contracts.id = grants.contract_id
WHERE grants.binding IS NULL AND grants.revoked_at = 0 AND grants.id > $1 ORDER BY grants.id LIMIT $2;

-- name: BindGrant :exec
UPDATE grants SET access = sqlc.arg(access), allowed = sqlc.arg(allowed), binding = sqlc.arg(binding)
WHERE id = sqlc.arg(id) AND expires_at = sqlc.arg(expires_at) AND binding IS NULL;

-- name: GetChainHead :one
SELECT chains.events AS events, chains.hash AS hash, chains.mac AS mac,
    CAST(COALESCE((SELECT MAX(e.seq) FROM events e WHERE e.library_id = chains.library_id), 0) AS BIGINT) AS newest,
    events.hash AS newest_hash
FROM chains LEFT JOIN events ON events.library_id = chains.library_id AND events.seq = chains.events
WHERE chains.library_id = $1;

-- name: ListEventsAfter :many
SELECT * FROM events WHERE library_id = $1 AND seq > $2 AND CAST(seq AS BIGINT) = seq ORDER BY seq LIMIT $3;

-- name: AddEventCheckpoint :exec
INSERT INTO event_checkpoints (library_id, seq, hash, mac) VALUES ($1, $2, $3, $4)
ON CONFLICT (library_id, seq) DO UPDATE SET hash = excluded.hash, mac = excluded.mac;

-- name: GetNewestEventCheckpoint :one
SELECT * FROM event_checkpoints WHERE library_id = $1 AND CAST(seq AS BIGINT) = seq ORDER BY seq DESC LIMIT 1;

-- name: GetEventCheckpointFrom :one
SELECT * FROM event_checkpoints WHERE library_id = $1 AND seq >= $2 AND CAST(seq AS BIGINT) = seq ORDER BY seq LIMIT 1;

-- name: ListEventCheckpoints :many
SELECT * FROM event_checkpoints WHERE library_id = $1 AND seq > $2 AND CAST(seq AS BIGINT) = seq ORDER BY seq LIMIT $3;

-- name: ListLibraryIDs :many
SELECT id FROM libraries WHERE id > $1 ORDER BY id LIMIT $2;

-- The file of an arrival with its content, for a check. A row that is missing is not an error.
-- name: GetStoredFile :one
SELECT sqlc.embed(files), CAST(COALESCE(contents.format, 0) AS BIGINT) AS format, contents.sealed_key, contents.data
FROM files LEFT JOIN contents ON contents.file_id = files.id
WHERE files.id = $1 AND files.library_id = $2;

-- name: ListFileIDs :many
SELECT id FROM files WHERE library_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: ListFilesOfNoLibrary :many
SELECT f.id FROM files f
WHERE f.id > $1 AND NOT EXISTS (SELECT 1 FROM libraries l WHERE l.id = f.library_id) ORDER BY f.id LIMIT $2;

-- name: ListContentsOfNoFile :many
SELECT c.file_id FROM contents c
WHERE c.file_id > $1 AND NOT EXISTS (SELECT 1 FROM files f WHERE f.id = c.file_id) ORDER BY c.file_id LIMIT $2;

-- name: ListDeliveryStates :many
SELECT d.id, d.library_id, d.state, CAST(COALESCE(length(c.payload), 0) AS BIGINT) AS size
FROM deliveries d LEFT JOIN delivery_contents c ON c.delivery_id = d.id
WHERE d.id > $1 ORDER BY d.id LIMIT $2;

-- Rows whose MAC was made with another master key than the newest, whose id is given.

-- name: ListLibrariesOfOlderKey :many
SELECT id, public_key, binding FROM libraries
WHERE length(binding) = 37 AND substr(binding, 2, 4) <> sqlc.arg(key) AND id > sqlc.arg(after)
ORDER BY id LIMIT sqlc.arg(lim);

-- name: ListTokensOfOlderKey :many
SELECT tokens.hash, libraries.id, libraries.public_key, tokens.binding
FROM tokens
JOIN grants ON grants.id = tokens.grant_id
JOIN libraries ON libraries.id = grants.library_id
WHERE length(tokens.binding) IN (37, 69) AND substr(tokens.binding, length(tokens.binding) - 35, 4) <> sqlc.arg(key)
    AND tokens.hash > sqlc.arg(after)
ORDER BY tokens.hash LIMIT sqlc.arg(lim);

-- name: ListAuthCodesOfOlderKey :many
SELECT codes.hash, libraries.id, libraries.public_key, codes.binding
FROM codes
JOIN grants ON grants.id = codes.grant_id
JOIN libraries ON libraries.id = grants.library_id
WHERE length(codes.binding) IN (37, 69) AND substr(codes.binding, length(codes.binding) - 35, 4) <> sqlc.arg(key)
    AND codes.hash > sqlc.arg(after)
ORDER BY codes.hash LIMIT sqlc.arg(lim);

-- name: ListEventCheckpointsOfOlderKey :many
SELECT * FROM event_checkpoints
WHERE substr(mac, 2, 4) <> sqlc.arg(key) AND CAST(seq AS BIGINT) = seq
    AND (library_id, seq) > (CAST(sqlc.arg(library_id) AS TEXT), CAST(sqlc.arg(seq) AS BIGINT))
ORDER BY library_id, seq LIMIT sqlc.arg(lim);

-- name: ListChainsOfOlderKey :many
SELECT * FROM chains
WHERE length(mac) = 37 AND substr(mac, 2, 4) <> sqlc.arg(key) AND library_id > sqlc.arg(after)
ORDER BY library_id LIMIT sqlc.arg(lim);

-- name: RebindChain :exec
UPDATE chains SET mac = sqlc.arg(mac) WHERE library_id = sqlc.arg(library_id) AND mac = sqlc.arg(previous);

-- name: ListGrantsOfOlderKey :many
SELECT * FROM grants
WHERE length(binding) = 37 AND substr(binding, 2, 4) <> sqlc.arg(key) AND id > sqlc.arg(after)
ORDER BY id LIMIT sqlc.arg(lim);

-- name: RebindGrant :exec
UPDATE grants SET binding = sqlc.arg(binding) WHERE id = sqlc.arg(id) AND binding = sqlc.arg(previous);

-- name: ListLoginsOfOlderKey :many
SELECT logins.hash, libraries.id, libraries.public_key, logins.binding
FROM logins JOIN libraries ON libraries.id = logins.library_id
WHERE length(logins.binding) = 69 AND substr(logins.binding, 34, 4) <> sqlc.arg(key) AND logins.hash > sqlc.arg(after)
ORDER BY logins.hash LIMIT sqlc.arg(lim);

-- name: BindLogin :exec
UPDATE logins SET binding = $2 WHERE hash = $1;

-- name: ListAuthRequestsOfOlderKey :many
SELECT * FROM links
WHERE length(binding) = 69 AND substr(binding, 34, 4) <> sqlc.arg(key) AND hash > sqlc.arg(after)
ORDER BY hash LIMIT sqlc.arg(lim);

-- name: BindAuthRequest :exec
UPDATE links SET binding = $2 WHERE hash = $1;

-- name: SetAdoptionMAC :exec
UPDATE adoptions SET mac = $2 WHERE id = $1;

-- name: DeleteAdoptions :exec
DELETE FROM adoptions;

-- name: UnbindLibraries :exec
UPDATE libraries SET binding = NULL;

-- name: UnbindTokens :exec
UPDATE tokens SET binding = CASE WHEN length(binding) = 69 THEN substr(binding, 1, 32) END
WHERE length(binding) IN (37, 69);

-- name: UnbindAuthCodes :exec
UPDATE codes SET binding = CASE WHEN length(binding) = 69 THEN substr(binding, 1, 32) END
WHERE length(binding) IN (37, 69);

-- Logins and requests are not adopted.
-- name: UnbindLogins :exec
UPDATE logins SET binding = NULL;

-- name: UnbindAuthRequests :exec
UPDATE links SET binding = NULL;

-- What was forged stays so.
-- name: UnbindChains :exec
UPDATE chains SET mac = NULL WHERE length(mac) = 37;

-- What was revoked stays so.
-- name: UnbindGrants :exec
UPDATE grants SET binding = NULL WHERE length(binding) > 1;

-- name: DeleteEventCheckpoints :exec
DELETE FROM event_checkpoints;

-- name: ListUnboundStorages :many
SELECT * FROM storages WHERE binding IS NULL AND id > $1 ORDER BY id LIMIT $2;

-- A row that has changed meanwhile has another binding.
-- name: BindStorage :exec
UPDATE storages SET binding = sqlc.arg(binding) WHERE id = sqlc.arg(id) AND binding IS NULL;

-- name: RebindStorage :exec
UPDATE storages SET binding = sqlc.arg(binding) WHERE id = sqlc.arg(id) AND binding = sqlc.arg(previous);

-- name: ListStoragesOfOlderKey :many
SELECT * FROM storages
WHERE length(binding) = 37 AND substr(binding, 2, 4) <> sqlc.arg(key) AND id > sqlc.arg(after)
ORDER BY id LIMIT sqlc.arg(lim);

-- name: UnbindStorages :exec
UPDATE storages SET binding = NULL;

-- name: ListUnboundStorageFiles :many
SELECT * FROM storage_files WHERE binding IS NULL AND id > $1 ORDER BY id LIMIT $2;

-- name: BindStorageFile :exec
UPDATE storage_files SET binding = sqlc.arg(binding) WHERE id = sqlc.arg(id) AND binding IS NULL;

-- name: RebindStorageFile :exec
UPDATE storage_files SET binding = sqlc.arg(binding) WHERE id = sqlc.arg(id) AND binding = sqlc.arg(previous);

-- name: ListStorageFilesOfOlderKey :many
SELECT * FROM storage_files
WHERE length(binding) = 37 AND substr(binding, 2, 4) <> sqlc.arg(key) AND id > sqlc.arg(after)
ORDER BY id LIMIT sqlc.arg(lim);

-- name: UnbindStorageFiles :exec
UPDATE storage_files SET binding = NULL;

-- The files that were fetched, with the bindings that they have.
-- name: ListCollectedBindings :many
SELECT file_id, binding FROM collected_files WHERE file_id > sqlc.arg(after) ORDER BY file_id LIMIT sqlc.arg(lim);

-- name: ListCollectedOfOlderKey :many
SELECT file_id, binding FROM collected_files
WHERE length(binding) = 37 AND substr(binding, 2, 4) <> sqlc.arg(key) AND file_id > sqlc.arg(after)
ORDER BY file_id LIMIT sqlc.arg(lim);

-- What the binding of a file that was fetched covers.
-- name: GetBoundCollected :one
SELECT sqlc.embed(files), contents.data
FROM collected_files
JOIN files ON files.id = collected_files.file_id
JOIN contents ON contents.file_id = collected_files.file_id
WHERE collected_files.file_id = $1;

-- name: BindCollected :exec
UPDATE collected_files SET binding = sqlc.arg(binding)
WHERE file_id = sqlc.arg(file_id) AND (binding = sqlc.arg(previous) OR length(binding) = 0);

-- The server cannot tell any more whether it has fetched the same before.
-- name: UnbindCollected :exec
UPDATE collected_files SET binding = substr(binding, 1, 0), fingerprint = substr(fingerprint, 1, 0);

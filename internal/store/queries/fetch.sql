-- name: RequestFetch :exec
INSERT INTO fetches (account_id, library_id, application_id, contract_id, grant_id, state, position, problem, files,
    attempts, lease, lease_until, next_at, deadline, created_at, updated_at)
VALUES (sqlc.arg(account_id), sqlc.arg(library_id), sqlc.arg(application_id), sqlc.arg(contract_id), sqlc.arg(grant_id),
    'pending', '', '', 0, 0, '', 0, sqlc.arg(at), sqlc.arg(deadline), sqlc.arg(at), sqlc.arg(at))
ON CONFLICT (account_id) DO UPDATE SET contract_id = excluded.contract_id, grant_id = excluded.grant_id,
    library_id = excluded.library_id, application_id = excluded.application_id, state = 'pending', position = '',
    problem = '', files = 0, attempts = 0, lease = '', lease_until = 0, next_at = excluded.next_at,
    deadline = excluded.deadline, created_at = excluded.created_at, updated_at = excluded.updated_at
WHERE fetches.state NOT IN ('pending', 'running') OR fetches.grant_id <> excluded.grant_id;

-- name: GetFetch :one
SELECT * FROM fetches WHERE account_id = $1;

-- name: ListFetches :many
SELECT fetches.* FROM fetches WHERE library_id = $1 ORDER BY account_id;

-- Lists what is due, of each application as much as it has places left, so that nobody waits behind another's many.
-- name: ListClaimableFetches :many
SELECT due.account_id FROM (
    SELECT f.account_id, f.application_id, f.next_at,
        ROW_NUMBER() OVER (PARTITION BY f.application_id ORDER BY f.next_at, f.account_id) AS place
    FROM fetches AS f
    WHERE f.state IN ('pending', 'running') AND f.next_at <= sqlc.arg(now) AND f.lease_until <= sqlc.arg(now)
) AS due
WHERE due.place <= CAST(sqlc.arg(places) AS BIGINT) - (
    SELECT COUNT(*) FROM fetches AS leased
    WHERE leased.state IN ('pending', 'running') AND leased.application_id = due.application_id
        AND leased.lease_until > sqlc.arg(now))
ORDER BY due.next_at, due.account_id LIMIT sqlc.arg(lim);

-- If two transactions claim a fetch, the second waits until the first has written the row, and then evaluates the
-- condition again. So only one of them gets it.
-- name: ClaimFetch :one
UPDATE fetches SET state = 'running', lease = sqlc.arg(lease), lease_until = sqlc.arg(until)
WHERE account_id = sqlc.arg(account_id) AND state IN ('pending', 'running') AND next_at <= sqlc.arg(now)
    AND lease_until <= sqlc.arg(now)
RETURNING *;

-- name: ExtendFetch :one
UPDATE fetches SET lease_until = sqlc.arg(until)
WHERE account_id = sqlc.arg(account_id) AND state = 'running' AND lease <> '' AND lease = sqlc.arg(lease)
    AND lease_until > sqlc.arg(now)
RETURNING grant_id;

-- name: AdvanceFetch :execrows
UPDATE fetches SET position = sqlc.arg(position), files = files + sqlc.arg(files), attempts = 0,
    updated_at = sqlc.arg(at)
WHERE account_id = sqlc.arg(account_id) AND lease = sqlc.arg(lease);

-- name: PostponeFetch :execrows
UPDATE fetches SET attempts = attempts + 1, next_at = sqlc.arg(next_at), updated_at = sqlc.arg(at), lease = '',
    lease_until = 0
WHERE account_id = sqlc.arg(account_id) AND state = 'running' AND lease <> '' AND lease = sqlc.arg(lease);

-- name: EndFetch :execrows
UPDATE fetches SET state = sqlc.arg(state), problem = sqlc.arg(problem), updated_at = sqlc.arg(at), lease = '',
    lease_until = 0
WHERE account_id = sqlc.arg(account_id) AND state = 'running' AND lease <> '' AND lease = sqlc.arg(lease);

-- name: NextFetch :one
SELECT CAST(COALESCE(MIN(CASE WHEN lease_until > next_at THEN lease_until ELSE next_at END), 0) AS BIGINT) AS due
FROM fetches WHERE state IN ('pending', 'running');

-- name: FindCollected :one
SELECT * FROM collected_files
WHERE library_id = sqlc.arg(library_id) AND account_id = sqlc.arg(account_id) AND item_key = sqlc.arg(item_key);

-- The file that a contract has fetched from the same origin through an account that has ended.
-- name: FindCollectedBefore :one
SELECT collected_files.* FROM collected_files JOIN files ON files.id = collected_files.file_id
WHERE collected_files.library_id = sqlc.arg(library_id) AND collected_files.origin = sqlc.arg(origin)
    AND collected_files.origin <> '' AND collected_files.item_key = sqlc.arg(item_key)
    AND files.library_id = sqlc.arg(library_id) AND files.application_id = sqlc.arg(application_id)
    AND files.contract_id = sqlc.arg(contract_id)
    AND NOT EXISTS (SELECT 1 FROM provider_accounts a WHERE a.id = collected_files.account_id)
ORDER BY collected_files.file_id DESC LIMIT 1;

-- name: GetCollected :one
SELECT * FROM collected_files WHERE file_id = $1 AND library_id = $2;

-- name: AddCollected :exec
INSERT INTO collected_files (file_id, library_id, account_id, item_key, group_id, service_id, object_type, from_at,
    to_at, fingerprint, binding, origin)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: UpdateCollected :exec
UPDATE collected_files SET group_id = sqlc.arg(group_id), service_id = sqlc.arg(service_id),
    object_type = sqlc.arg(object_type), from_at = sqlc.arg(from_at), to_at = sqlc.arg(to_at),
    fingerprint = sqlc.arg(fingerprint), binding = sqlc.arg(binding), account_id = sqlc.arg(account_id),
    origin = sqlc.arg(origin)
WHERE file_id = sqlc.arg(file_id);

-- name: UpdateFile :exec
UPDATE files SET application_id = sqlc.arg(application_id), contract_id = sqlc.arg(contract_id),
    metadata = sqlc.arg(metadata), size = sqlc.arg(size), created_at = sqlc.arg(created_at)
WHERE id = sqlc.arg(id) AND library_id = sqlc.arg(library_id);

-- name: UpdateContent :exec
UPDATE contents SET format = sqlc.arg(format), sealed_key = sqlc.arg(sealed_key), data = sqlc.arg(data)
WHERE file_id = sqlc.arg(file_id);

-- These two have an index each, so that a page costs what it returns. What has no time is at the end.
-- name: ListCollected :many
SELECT files.*, collected_files.to_at AS to_at FROM collected_files JOIN files ON files.id = collected_files.file_id
WHERE collected_files.library_id = sqlc.arg(library_id) AND files.library_id = sqlc.arg(library_id)
    AND (collected_files.to_at, collected_files.file_id) > (sqlc.arg(to_at), CAST(sqlc.arg(id) AS TEXT))
    AND collected_files.from_at <= sqlc.arg(until)
ORDER BY collected_files.to_at, collected_files.file_id LIMIT sqlc.arg(lim);

-- name: ListCollectedOfType :many
SELECT files.*, collected_files.to_at AS to_at FROM collected_files JOIN files ON files.id = collected_files.file_id
WHERE collected_files.library_id = sqlc.arg(library_id) AND files.library_id = sqlc.arg(library_id)
    AND collected_files.service_id = sqlc.arg(service_id) AND collected_files.object_type = sqlc.arg(object_type)
    AND (collected_files.to_at, collected_files.file_id) > (sqlc.arg(to_at), CAST(sqlc.arg(id) AS TEXT))
    AND collected_files.from_at <= sqlc.arg(until)
ORDER BY collected_files.to_at, collected_files.file_id LIMIT sqlc.arg(lim);

-- name: DeleteCollectedOfLibrary :exec
DELETE FROM collected_files WHERE library_id = $1;

-- name: AddCollection :exec
INSERT INTO collections (library_id, application_id, fetched_at, account_id, object_type, provider, group_id,
    service_id, from_at, to_at, files)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)
ON CONFLICT (library_id, application_id, fetched_at, account_id, object_type) DO UPDATE SET
    from_at = CASE WHEN excluded.from_at < collections.from_at THEN excluded.from_at ELSE collections.from_at END,
    to_at = CASE WHEN excluded.to_at > collections.to_at THEN excluded.to_at ELSE collections.to_at END,
    files = collections.files + 1;

-- SQLite stores any value in any column. What is no number is left out, since a page cannot begin after it.
-- name: ListCollections :many
SELECT * FROM collections
WHERE library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id)
    AND (fetched_at, account_id, object_type) >
        (sqlc.arg(fetched_at), CAST(sqlc.arg(account_id) AS TEXT), CAST(sqlc.arg(object_type) AS BIGINT))
    AND fetched_at <= sqlc.arg(until)
    AND CAST(fetched_at AS BIGINT) = fetched_at AND CAST(object_type AS BIGINT) = object_type
ORDER BY fetched_at, account_id, object_type LIMIT sqlc.arg(lim);

-- name: DeleteCollectionsOfLibrary :exec
DELETE FROM collections WHERE library_id = $1;

-- SQLite stores any value in any column. A number that this server does not keep counts as 0, so that nobody makes a
-- sum fail; 4503599627370496 (2^52) bytes are more than a disk has.

-- Adds a file to the usage, and returns that of its contract in the library, and of all others in the library. The
-- library is locked, so nobody changes those meanwhile. PostgreSQL reads them as of before the statement and SQLite as
-- of its end, which is the same, as the statement does not change them.
-- name: AddUsage :one
INSERT INTO usage (library_id, application_id, contract_id, files, bytes)
VALUES (sqlc.arg(library_id), sqlc.arg(application_id), sqlc.arg(contract_id), 1, sqlc.arg(bytes))
ON CONFLICT (library_id, application_id, contract_id) DO UPDATE SET
    files = CASE WHEN CAST(usage.files AS BIGINT) BETWEEN 0 AND 4503599627370496
        THEN CAST(usage.files AS BIGINT) ELSE 0 END + excluded.files,
    bytes = CASE WHEN CAST(usage.bytes AS BIGINT) BETWEEN 0 AND 4503599627370496
        THEN CAST(usage.bytes AS BIGINT) ELSE 0 END + excluded.bytes
RETURNING files, bytes,
    (SELECT CAST(COALESCE(SUM(CASE WHEN CAST(o.files AS BIGINT) BETWEEN 0 AND 4503599627370496
            THEN CAST(o.files AS BIGINT) ELSE 0 END), 0) AS BIGINT)
        FROM usage o WHERE o.library_id = sqlc.arg(library_id)
            AND (o.application_id <> sqlc.arg(application_id) OR o.contract_id <> sqlc.arg(contract_id))
    ) AS other_files,
    (SELECT CAST(COALESCE(SUM(CASE WHEN CAST(o.bytes AS BIGINT) BETWEEN 0 AND 4503599627370496
            THEN CAST(o.bytes AS BIGINT) ELSE 0 END), 0) AS BIGINT)
        FROM usage o WHERE o.library_id = sqlc.arg(library_id)
            AND (o.application_id <> sqlc.arg(application_id) OR o.contract_id <> sqlc.arg(contract_id))
    ) AS other_bytes;

-- Adds a file to the usage as AddUsage does, for who knows how much the library has.
-- name: CountUsage :exec
INSERT INTO usage (library_id, application_id, contract_id, files, bytes)
VALUES (sqlc.arg(library_id), sqlc.arg(application_id), sqlc.arg(contract_id), 1, sqlc.arg(bytes))
ON CONFLICT (library_id, application_id, contract_id) DO UPDATE SET
    files = CASE WHEN CAST(usage.files AS BIGINT) BETWEEN 0 AND 4503599627370496
        THEN CAST(usage.files AS BIGINT) ELSE 0 END + excluded.files,
    bytes = CASE WHEN CAST(usage.bytes AS BIGINT) BETWEEN 0 AND 4503599627370496
        THEN CAST(usage.bytes AS BIGINT) ELSE 0 END + excluded.bytes;

-- name: ListUsage :many
SELECT application_id, contract_id, files, bytes FROM usage
WHERE library_id = $1 ORDER BY application_id, contract_id;

-- name: SumUsageOfApplication :many
SELECT contract_id,
    CAST(SUM(CASE WHEN CAST(files AS BIGINT) BETWEEN 0 AND 4503599627370496 THEN CAST(files AS BIGINT) ELSE 0 END)
        AS BIGINT) AS files,
    CAST(SUM(CASE WHEN CAST(bytes AS BIGINT) BETWEEN 0 AND 4503599627370496 THEN CAST(bytes AS BIGINT) ELSE 0 END)
        AS BIGINT) AS bytes
FROM usage WHERE application_id = $1 GROUP BY contract_id ORDER BY contract_id;

-- name: DeleteUsageOfLibrary :exec
DELETE FROM usage WHERE library_id = $1;

-- name: ListRefusals :many
SELECT refused_at FROM usage WHERE library_id = $1 AND application_id = $2;

-- name: SetRefusedAt :exec
INSERT INTO usage (library_id, application_id, contract_id, files, bytes, refused_at)
VALUES (sqlc.arg(library_id), sqlc.arg(application_id), sqlc.arg(contract_id), 0, 0, sqlc.arg(refused_at))
ON CONFLICT (library_id, application_id, contract_id) DO UPDATE SET refused_at = excluded.refused_at;

-- Compares the usage of a library with its files, in one statement, so that a push does not come between.
-- name: ListUsageFaults :many
SELECT application_id, contract_id, CAST(SUM(is_file) AS BIGINT) AS stored_files,
    CAST(SUM(file_size) AS BIGINT) AS stored_bytes, CAST(SUM(used_files) AS BIGINT) AS used_files,
    CAST(SUM(used_bytes) AS BIGINT) AS used_bytes
FROM (
    SELECT f.application_id, f.contract_id, 1 AS is_file,
        CASE WHEN CAST(f.size AS BIGINT) BETWEEN 0 AND 4503599627370496 THEN CAST(f.size AS BIGINT) ELSE 0 END
            AS file_size,
        0 AS used_files, 0 AS used_bytes
    FROM files f WHERE f.library_id = sqlc.arg(library_id)
    UNION ALL
    SELECT u.application_id, u.contract_id, 0, 0,
        CASE WHEN CAST(u.files AS BIGINT) BETWEEN -4503599627370496 AND 4503599627370496
            THEN CAST(u.files AS BIGINT) ELSE -1 END,
        CASE WHEN CAST(u.bytes AS BIGINT) BETWEEN -4503599627370496 AND 4503599627370496
            THEN CAST(u.bytes AS BIGINT) ELSE -1 END
    FROM usage u WHERE u.library_id = sqlc.arg(library_id)
) AS counted
GROUP BY application_id, contract_id
HAVING SUM(is_file) <> SUM(used_files) OR SUM(file_size) <> SUM(used_bytes)
ORDER BY application_id, contract_id LIMIT sqlc.arg(lim);

-- Counts the files of a library anew.
-- name: RecountUsage :exec
INSERT INTO usage (library_id, application_id, contract_id, files, bytes)
SELECT f.library_id, f.application_id, f.contract_id, COUNT(*),
    CAST(SUM(CASE WHEN CAST(f.size AS BIGINT) BETWEEN 0 AND 4503599627370496 THEN CAST(f.size AS BIGINT) ELSE 0 END)
        AS BIGINT)
FROM files f WHERE f.library_id = $1 GROUP BY f.library_id, f.application_id, f.contract_id
ON CONFLICT (library_id, application_id, contract_id) DO UPDATE SET files = excluded.files, bytes = excluded.bytes;

-- name: ListUsageOfNoLibrary :many
SELECT DISTINCT u.library_id FROM usage u
WHERE u.library_id > $1 AND NOT EXISTS (SELECT 1 FROM libraries l WHERE l.id = u.library_id)
ORDER BY u.library_id LIMIT $2;

-- Takes a file out of the usage of a library.
-- name: SubtractUsage :exec
UPDATE usage SET files = CAST(usage.files AS BIGINT) - 1,
    bytes = CAST(usage.bytes AS BIGINT) - CAST(sqlc.arg(bytes) AS BIGINT)
WHERE library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id)
    AND contract_id = sqlc.arg(contract_id);

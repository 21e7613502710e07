-- name: AddFile :exec
INSERT INTO files (id, library_id, application_id, contract_id, metadata, size, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: AddContent :exec
INSERT INTO contents (file_id, format, sealed_key, data) VALUES ($1, $2, $3, $4);

-- name: GetFile :one
SELECT * FROM files WHERE id = $1 AND library_id = $2;

-- name: GetContent :one
SELECT contents.* FROM contents JOIN files ON files.id = contents.file_id
WHERE files.id = $1 AND files.library_id = $2;

-- SQLite stores any value in any column. What is no time is left out, since a page cannot begin after it. Only the cursor
-- bounds the column itself: SQLite would otherwise search from an end of the list.
-- name: ListFilesAfter :many
SELECT * FROM files
WHERE library_id = sqlc.arg(library_id) AND (created_at, id) > (sqlc.arg(created_at), CAST(sqlc.arg(id) AS TEXT))
    AND CAST(created_at AS BIGINT) = created_at AND CAST(created_at AS BIGINT) BETWEEN 0 AND 253402300799999
ORDER BY created_at, id LIMIT sqlc.arg(lim);

-- name: ListFilesBefore :many
SELECT * FROM files
WHERE library_id = sqlc.arg(library_id) AND (created_at, id) < (sqlc.arg(created_at), CAST(sqlc.arg(id) AS TEXT))
    AND CAST(created_at AS BIGINT) = created_at AND CAST(created_at AS BIGINT) BETWEEN 0 AND 253402300799999
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(lim);

-- These two have an index of their own, so that a page of an application's files costs the same whoever else pushes.
-- name: ListFilesOfApplicationAfter :many
SELECT * FROM files
WHERE library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id)
    AND (created_at, id) > (sqlc.arg(created_at), CAST(sqlc.arg(id) AS TEXT))
    AND CAST(created_at AS BIGINT) = created_at AND CAST(created_at AS BIGINT) BETWEEN 0 AND 253402300799999
ORDER BY created_at, id LIMIT sqlc.arg(lim);

-- name: ListFilesOfApplicationBefore :many
SELECT * FROM files
WHERE library_id = sqlc.arg(library_id) AND application_id = sqlc.arg(application_id)
    AND (created_at, id) < (sqlc.arg(created_at), CAST(sqlc.arg(id) AS TEXT))
    AND CAST(created_at AS BIGINT) = created_at AND CAST(created_at AS BIGINT) BETWEEN 0 AND 253402300799999
ORDER BY created_at DESC, id DESC LIMIT sqlc.arg(lim);

-- name: CountFiles :one
SELECT COUNT(*) FROM files WHERE library_id = $1;

-- name: ListPushers :many
SELECT * FROM applications
WHERE id IN (SELECT usage.application_id FROM usage WHERE usage.library_id = $1 AND usage.files <> 0)
ORDER BY created_at, id;

-- name: DeleteContentsOfLibrary :exec
DELETE FROM contents WHERE file_id IN (SELECT files.id FROM files WHERE files.library_id = $1);

-- name: DeleteFilesOfLibrary :exec
DELETE FROM files WHERE library_id = $1;

-- When files were added that no application has pushed. Both ends are found by an index.
-- name: GetImportTimes :one
SELECT
    CAST(COALESCE((SELECT f.created_at FROM files f WHERE f.library_id = sqlc.arg(library_id) AND f.application_id = ''
        ORDER BY f.created_at, f.id LIMIT 1), 0) AS BIGINT) AS first_at,
    CAST(COALESCE((SELECT f.created_at FROM files f WHERE f.library_id = sqlc.arg(library_id) AND f.application_id = ''
        ORDER BY f.created_at DESC, f.id DESC LIMIT 1), 0) AS BIGINT) AS last_at;

-- name: HasFile :one
SELECT EXISTS (SELECT 1 FROM files WHERE id = $1 AND library_id = $2);

-- Each file that is sealed in an epoch brings it.
-- name: AddEpoch :exec
INSERT INTO epochs (library_id, id, encapsulation, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: GetEncapsulation :one
SELECT encapsulation FROM epochs WHERE library_id = $1 AND id = $2;

-- name: DeleteEpochsOfLibrary :exec
DELETE FROM epochs WHERE library_id = $1;

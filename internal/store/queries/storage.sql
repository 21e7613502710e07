-- name: AddStorage :exec
INSERT INTO storages (id, application_id, library_id, created_at, changed_at, expires_at, files, bytes, binding)
VALUES ($1, $2, '', $3, $4, $5, 0, 0, $6);

-- name: GetStorage :one
SELECT * FROM storages WHERE id = $1;

-- name: FindStorage :one
SELECT * FROM storages WHERE library_id = $1 AND library_id <> '' AND application_id = $2;

-- name: ListStoragesOfLibrary :many
SELECT * FROM storages WHERE library_id = $1 AND library_id <> '' ORDER BY application_id;

-- Those of an application that no person has allowed, but the newest.
-- name: ListOldestStorages :many
SELECT id FROM storages WHERE library_id = '' AND application_id = $1
ORDER BY created_at DESC LIMIT 1000 OFFSET sqlc.arg(keep);

-- name: ListExpiredStorages :many
SELECT id FROM storages WHERE expires_at <> 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2;

-- name: ListStorageIDs :many
SELECT id FROM storages WHERE id > $1 ORDER BY id LIMIT $2;

-- This write changes nothing. It locks the storage.
-- name: LockStorage :execrows
UPDATE storages SET created_at = created_at WHERE id = $1;

-- name: GiveStorage :exec
UPDATE storages SET library_id = $2, expires_at = 0, binding = $3 WHERE id = $1;

-- What the storages of an application hold that no person has allowed.
-- name: SumStoragesOfNobody :one
SELECT CAST(COALESCE(SUM(files), 0) AS BIGINT) AS files, CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes
FROM storages WHERE library_id = '' AND application_id = $1;

-- What all storages of an application hold.
-- name: SumStorages :one
SELECT COUNT(*) AS storages, CAST(COALESCE(SUM(files), 0) AS BIGINT) AS files,
    CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes
FROM storages WHERE application_id = $1;

-- name: SetStorageUsage :exec
UPDATE storages SET files = sqlc.arg(files), bytes = sqlc.arg(bytes), changed_at = sqlc.arg(changed_at),
    version = sqlc.arg(version), version_sum = sqlc.arg(version_sum), binding = sqlc.arg(binding)
WHERE id = sqlc.arg(id);

-- name: DeleteHandlesOfStorage :exec
DELETE FROM account_references WHERE account_id = $1 AND kind = $2;

-- name: DeleteStorage :exec
DELETE FROM storages WHERE id = $1;

-- name: HasGrant :one
SELECT EXISTS (SELECT 1 FROM grants
    WHERE library_id = $1 AND application_id = $2 AND revoked_at = 0 AND expires_at > $3);

-- name: GetStorageFile :one
SELECT * FROM storage_files WHERE storage_id = $1 AND folder = $2 AND name = $3;

-- name: GetStorageContent :one
SELECT data FROM storage_contents WHERE file_id = $1;

-- name: AddStorageFile :exec
INSERT INTO storage_files
    (id, storage_id, folder, name, original_folder, original_name, size, sha256, created_at, version, binding)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: AddStorageContent :exec
INSERT INTO storage_contents (file_id, data) VALUES ($1, $2);

-- name: ListStorageFolder :many
SELECT * FROM storage_files
WHERE storage_id = sqlc.arg(storage_id) AND folder = sqlc.arg(folder) AND name > sqlc.arg(after_name)
ORDER BY name LIMIT sqlc.arg(lim);

-- The files of a folder and of all folders in it: those between its name and the next name.
-- name: ListStorageTree :many
SELECT * FROM storage_files
WHERE storage_id = sqlc.arg(storage_id) AND folder >= sqlc.arg(folder) AND folder < sqlc.arg(folder_end)
    AND (folder, name) > (CAST(sqlc.arg(after_folder) AS TEXT), CAST(sqlc.arg(after_name) AS TEXT))
ORDER BY folder, name LIMIT sqlc.arg(lim);

-- name: ListLargeStorageFiles :many
SELECT storage_files.storage_id, storage_files.id FROM storage_files
WHERE storage_files.size > sqlc.arg(size)
    AND storage_files.id IN (SELECT f.id FROM storage_files f ORDER BY f.id LIMIT sqlc.arg(among))
LIMIT sqlc.arg(lim);

-- name: AddRemovalsOfTree :exec
INSERT INTO storage_removals (file_id, storage_id)
SELECT f.id, f.storage_id FROM storage_files f
WHERE f.storage_id = sqlc.arg(storage_id) AND f.folder >= sqlc.arg(folder) AND f.folder < sqlc.arg(folder_end)
    AND NOT EXISTS (SELECT 1 FROM storage_contents c WHERE c.file_id = f.id)
ON CONFLICT (file_id) DO NOTHING;

-- name: DeleteContentsOfTree :exec
DELETE FROM storage_contents WHERE file_id IN (SELECT f.id FROM storage_files f
    WHERE f.storage_id = sqlc.arg(storage_id) AND f.folder >= sqlc.arg(folder) AND f.folder < sqlc.arg(folder_end));

-- name: DeleteStorageTree :exec
DELETE FROM storage_files
WHERE storage_id = sqlc.arg(storage_id) AND folder >= sqlc.arg(folder) AND folder < sqlc.arg(folder_end);

-- name: AddRemovalOfFile :exec
INSERT INTO storage_removals (file_id, storage_id)
SELECT f.id, f.storage_id FROM storage_files f
WHERE f.id = $1 AND NOT EXISTS (SELECT 1 FROM storage_contents c WHERE c.file_id = f.id)
ON CONFLICT (file_id) DO NOTHING;

-- name: DeleteStorageContent :exec
DELETE FROM storage_contents WHERE file_id = $1;

-- name: DeleteStorageFile :exec
DELETE FROM storage_files WHERE id = $1;

-- name: ListStorageRemovals :many
SELECT * FROM storage_removals ORDER BY file_id LIMIT $1;

-- name: DeleteStorageRemoval :exec
DELETE FROM storage_removals WHERE file_id = $1;

-- name: HasStorageContent :one
SELECT EXISTS (SELECT 1 FROM storage_files f WHERE f.id = $1 AND f.storage_id = $2
    UNION ALL SELECT 1 FROM storage_removals r WHERE r.file_id = $1 AND r.storage_id = $2);

-- name: ListStorageFilesAfter :many
SELECT * FROM storage_files
WHERE storage_id = sqlc.arg(storage_id)
    AND (folder, name) > (CAST(sqlc.arg(after_folder) AS TEXT), CAST(sqlc.arg(after_name) AS TEXT))
ORDER BY folder, name LIMIT sqlc.arg(lim);

-- name: ListFilesOfNoStorage :many
SELECT f.id FROM storage_files f
WHERE f.id > $1 AND NOT EXISTS (SELECT 1 FROM storages s WHERE s.id = f.storage_id) ORDER BY f.id LIMIT $2;

-- name: ListContentsOfNoStorageFile :many
SELECT c.file_id FROM storage_contents c
WHERE c.file_id > $1 AND NOT EXISTS (SELECT 1 FROM storage_files f WHERE f.id = c.file_id)
ORDER BY c.file_id LIMIT $2;

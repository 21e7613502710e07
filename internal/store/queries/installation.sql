-- name: GetInstallation :one
SELECT * FROM installation WHERE place = 1;

-- name: AddInstallation :exec
INSERT INTO installation (place, id, folder, created_at) VALUES (1, $1, '', $2) ON CONFLICT DO NOTHING;

-- name: SetContentFolder :exec
UPDATE installation SET folder = sqlc.arg(folder) WHERE place = 1 AND folder = sqlc.arg(previous);

-- Files that are larger than a size, among the first of all.
-- name: ListLargeFiles :many
SELECT files.library_id, files.id FROM files
WHERE files.size > sqlc.arg(size) AND files.id IN (SELECT f.id FROM files f ORDER BY f.id LIMIT sqlc.arg(among))
LIMIT sqlc.arg(lim);

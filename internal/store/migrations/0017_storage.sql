-- Storages: the files that an application keeps for a person, which it has encrypted itself. An older
-- program would take their large contents for contents that nobody needs, and remove them.
-- +goose Up
CREATE TABLE storages (
    id             TEXT COLLATE "C" PRIMARY KEY,
    application_id TEXT COLLATE "C" NOT NULL,
    library_id     TEXT COLLATE "C" NOT NULL, -- empty until a person has allowed it
    created_at     BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL, -- 0 from when it has a library
    files          BIGINT NOT NULL,
    bytes          BIGINT NOT NULL
);
CREATE UNIQUE INDEX storages_of_library ON storages (library_id, application_id) WHERE library_id <> '';
CREATE INDEX storages_of_nobody ON storages (application_id, created_at) WHERE library_id = '';
CREATE INDEX storages_to_forget ON storages (expires_at) WHERE expires_at <> 0;

-- A folder begins and ends with a slash. Folder and name are in lower case, by which a file is found.
CREATE TABLE storage_files (
    id              TEXT COLLATE "C" PRIMARY KEY,
    storage_id      TEXT COLLATE "C" NOT NULL,
    folder          TEXT COLLATE "C" NOT NULL,
    name            TEXT COLLATE "C" NOT NULL,
    original_folder TEXT NOT NULL,
    original_name   TEXT NOT NULL,
    size            BIGINT NOT NULL,
    sha256          BYTEA NOT NULL,
    created_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX storage_files_by_path ON storage_files (storage_id, folder, name);

-- The contents of small files. A file without a row here has its content in a blob.
CREATE TABLE storage_contents (
    file_id TEXT COLLATE "C" PRIMARY KEY,
    data    BYTEA NOT NULL
);

-- The blobs that no file has any more, until they are removed.
CREATE TABLE storage_removals (
    file_id    TEXT COLLATE "C" PRIMARY KEY,
    storage_id TEXT COLLATE "C" NOT NULL
);

-- Empty for the handle of an account.
ALTER TABLE account_references ADD COLUMN kind TEXT NOT NULL DEFAULT '';

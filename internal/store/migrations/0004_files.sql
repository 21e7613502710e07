-- Files. What is large stands apart, so that a list reads little. No foreign keys:
-- each would be a check for each push, and the library is locked anyway.
-- +goose Up
CREATE TABLE files (
    id             TEXT COLLATE "C" PRIMARY KEY,
    library_id     TEXT COLLATE "C" NOT NULL,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    metadata       TEXT NOT NULL, -- JSON
    size           BIGINT NOT NULL,
    created_at     BIGINT NOT NULL
);
CREATE INDEX files_of_library ON files (library_id, created_at, id);

CREATE TABLE contents (
    file_id    TEXT COLLATE "C" PRIMARY KEY,
    format     BIGINT NOT NULL,
    sealed_key BYTEA NOT NULL,
    data       BYTEA -- null where the content is a blob
);

-- What is fetched from sources into libraries. An older program would not show these files as what they are, and would
-- not delete them with a library.
-- +goose Up
-- One row for each account that is fetched from: its newest fetch.
CREATE TABLE fetches (
    account_id     TEXT COLLATE "C" PRIMARY KEY REFERENCES provider_accounts (id) ON DELETE CASCADE,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    grant_id       TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    position       TEXT NOT NULL,
    problem        TEXT NOT NULL, -- JSON, empty if there is none
    files          BIGINT NOT NULL, -- that were new or changed
    attempts       BIGINT NOT NULL, -- that failed since the last step forward
    lease          TEXT COLLATE "C" NOT NULL, -- empty unless it is being worked on
    lease_until    BIGINT NOT NULL,
    next_at        BIGINT NOT NULL,
    deadline       BIGINT NOT NULL, -- 0 if there is none
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL
);
CREATE INDEX fetches_of_library ON fetches (library_id, application_id);
-- This holds only what has not ended.
CREATE INDEX fetches_due ON fetches (next_at, account_id) WHERE state IN ('pending', 'running');
CREATE INDEX fetches_under_way ON fetches (application_id, lease_until) WHERE state IN ('pending', 'running');

-- What is special about a file that was fetched. No foreign keys, as in files.
CREATE TABLE collected_files (
    file_id      TEXT COLLATE "C" PRIMARY KEY,
    library_id   TEXT COLLATE "C" NOT NULL,
    account_id   TEXT COLLATE "C" NOT NULL,
    item_key     TEXT COLLATE "C" NOT NULL, -- in the source
    group_id     BIGINT NOT NULL,
    service_id   BIGINT NOT NULL,
    object_type  BIGINT NOT NULL, -- 0 for a file that is not mapped
    from_at      BIGINT NOT NULL, -- 0 for what has no time
    to_at        BIGINT NOT NULL, -- the end of time for what has no time
    fingerprint  BYTEA NOT NULL, -- of the content, under the master keyring
    binding      BYTEA NOT NULL  -- of the file, under the master keyring
);
CREATE UNIQUE INDEX collected_files_by_key ON collected_files (library_id, account_id, item_key);
CREATE INDEX collected_files_by_time ON collected_files (library_id, to_at, file_id);
CREATE INDEX collected_files_by_type ON collected_files (library_id, service_id, object_type, to_at, file_id);

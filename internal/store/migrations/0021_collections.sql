-- What was collected when from which source, for the portability report. It stays when a file is collected again. An
-- older program would not record it, and would not delete it with a library.
-- +goose Up
-- One row for each fetch and type of object that it has stored. No foreign keys, as in files.
CREATE TABLE collections (
    library_id     TEXT COLLATE "C" NOT NULL,
    application_id TEXT COLLATE "C" NOT NULL,
    fetched_at     BIGINT NOT NULL, -- when the fetch was asked for
    account_id     TEXT COLLATE "C" NOT NULL,
    object_type    BIGINT NOT NULL, -- 0 for files that are not mapped
    provider       TEXT NOT NULL, -- the name of the source at that time
    group_id       BIGINT NOT NULL,
    service_id     BIGINT NOT NULL,
    from_at        BIGINT NOT NULL, -- of the oldest object, 0 if one has no time
    to_at          BIGINT NOT NULL, -- of the newest object, the end of time if one has none
    files          BIGINT NOT NULL, -- that were new or changed
    PRIMARY KEY (library_id, application_id, fetched_at, account_id, object_type)
) /* WITHOUT ROWID */;

-- How much room the files take, for each library, application and contract; kept in the transaction that adds or
-- deletes files. An older program would not keep it, so none may go on.
-- +goose Up
CREATE TABLE usage (
    library_id     TEXT COLLATE "C" NOT NULL,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    files          BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,           -- the sum of files.size
    refused_at     BIGINT NOT NULL DEFAULT 0, -- when the activity last said that there was no room
    PRIMARY KEY (library_id, application_id, contract_id)
) /* WITHOUT ROWID */;

-- It has no column that a push changes, so that a push does not have to write it.
CREATE INDEX usage_of_application ON usage (application_id, contract_id);

-- SQLite stores any value in any column: what is no size counts as none.
INSERT INTO usage (library_id, application_id, contract_id, files, bytes)
SELECT library_id, application_id, contract_id, COUNT(*),
    CAST(SUM(CASE WHEN CAST(size AS BIGINT) BETWEEN 0 AND 4503599627370496 THEN CAST(size AS BIGINT) ELSE 0 END)
        AS BIGINT)
FROM files GROUP BY library_id, application_id, contract_id;

-- Quotas of their own: 0 for the server's setting, -1 for none.
ALTER TABLE applications ADD COLUMN quota_files BIGINT NOT NULL DEFAULT 0;
ALTER TABLE applications ADD COLUMN quota_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contracts ADD COLUMN quota_files BIGINT NOT NULL DEFAULT 0;
ALTER TABLE contracts ADD COLUMN quota_bytes BIGINT NOT NULL DEFAULT 0;

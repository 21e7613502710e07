-- Storages and their files have MACs under the master keyring, which the first start of a program with them gives to
-- what is there. An older program would store rows without.
-- +goose Up
ALTER TABLE storages ADD COLUMN version BIGINT NOT NULL DEFAULT 0;     -- how many files were ever put into it
ALTER TABLE storages ADD COLUMN version_sum BIGINT NOT NULL DEFAULT 0; -- the sum of storage_files.version
ALTER TABLE storages ADD COLUMN binding BYTEA;
ALTER TABLE storage_files ADD COLUMN version BIGINT NOT NULL DEFAULT 0; -- of the storage, when the file was put there
ALTER TABLE storage_files ADD COLUMN binding BYTEA;

-- What a file was fetched from, in the words of its source; empty for what an older program has fetched.
ALTER TABLE collected_files ADD COLUMN origin TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX collected_files_by_origin ON collected_files (library_id, origin, item_key) WHERE origin <> '';

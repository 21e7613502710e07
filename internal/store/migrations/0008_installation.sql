-- Which installation the database belongs to, and which programs may use it. Both tables
-- have one row at most, in place 1.
-- +goose Up
CREATE TABLE installation (
    place      BIGINT PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL,
    folder     TEXT COLLATE "C" NOT NULL, -- id of the folder of large contents; empty until it is known
    created_at BIGINT NOT NULL
);

-- Each migration from this one on writes here: see migrate.go.
CREATE TABLE schema_compatibility (
    place   BIGINT PRIMARY KEY,
    version BIGINT NOT NULL, -- the newest migration
    oldest  BIGINT NOT NULL, -- the schema version of the oldest program that may use the database
    program TEXT NOT NULL    -- the program that migrated last
);
INSERT INTO schema_compatibility (place, version, oldest, program) VALUES (1, 0, 0, '');

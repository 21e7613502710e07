-- The servers that use a PostgreSQL database. Each renews its row while it runs: commands that
-- need the database alone respect the row, and a server that starts compares its folder of large
-- contents with those of the others.
-- oldest program: 10
-- +goose Up
CREATE TABLE servers (
    id         TEXT COLLATE "C" PRIMARY KEY,
    started_at BIGINT NOT NULL,
    renewed_at BIGINT NOT NULL, -- by the clock of the database
    beat       BIGINT NOT NULL  -- the number in the server's file in the folder of large contents
);

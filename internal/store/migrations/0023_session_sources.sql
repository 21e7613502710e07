-- What narrows the choice of a source narrows nothing else, so that it is not stored with a session. An older program
-- would read the column.
-- +goose Up
ALTER TABLE sessions DROP COLUMN sources;

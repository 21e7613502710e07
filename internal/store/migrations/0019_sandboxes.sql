-- Contracts to try things out with, the libraries that they make, and which sources a session is about.
-- +goose Up
ALTER TABLE contracts ADD COLUMN sandbox BOOLEAN NOT NULL DEFAULT FALSE;

-- Nobody signs in to a sandbox. An older program would keep it when nothing opens it any more.
ALTER TABLE libraries ADD COLUMN sandbox BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX libraries_sandbox ON libraries (created_at, id) WHERE sandbox;

ALTER TABLE sessions ADD COLUMN sources TEXT NOT NULL DEFAULT ''; -- JSON, empty for all

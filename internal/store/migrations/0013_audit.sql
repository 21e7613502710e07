-- The audit log of the operator's commands.
-- oldest program: 10
-- +goose Up
CREATE TABLE audit_entries (
    id       TEXT COLLATE "C" PRIMARY KEY,
    at       BIGINT NOT NULL,
    operator TEXT NOT NULL, -- who: a user of the operating system
    command  TEXT NOT NULL,
    details  TEXT NOT NULL, -- ids and names of settings, never a secret
    outcome  TEXT NOT NULL  -- empty until the command has ended
);
CREATE INDEX audit_entries_by_time ON audit_entries (at, id);

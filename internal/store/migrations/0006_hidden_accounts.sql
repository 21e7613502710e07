-- An account that stands for a person can be taken from an application's sight, until
-- the person consents to it again.
-- +goose Up
ALTER TABLE accounts ADD COLUMN hidden_at BIGINT NOT NULL DEFAULT 0;

-- The key that a contract had before its present one, and until when it counts: both verify requests
-- meanwhile.
-- oldest program: 10
-- +goose Up
ALTER TABLE contracts ADD COLUMN old_public_key TEXT NOT NULL DEFAULT '';
ALTER TABLE contracts ADD COLUMN old_key_expires_at BIGINT NOT NULL DEFAULT 0;

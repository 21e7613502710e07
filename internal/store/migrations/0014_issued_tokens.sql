-- Which code a token came of, also by refreshes, so that a second use of the code can end it; and
-- the indexes for what is bounded for each contract and person.
-- oldest program: 10
-- +goose Up

-- Null in tokens that an older program has added.
ALTER TABLE tokens ADD COLUMN code_hash BYTEA;
CREATE INDEX tokens_of_code ON tokens (code_hash);

-- What has come of a second use: 0 nothing yet, 1 it was recorded, 2 the tokens have ended as well.
ALTER TABLE codes ADD COLUMN reuse BIGINT NOT NULL DEFAULT 0;

DROP INDEX tokens_of_grant;
CREATE INDEX tokens_of_grant ON tokens (grant_id, use, expires_at);
DROP INDEX sessions_of_grant;
CREATE INDEX sessions_of_grant ON sessions (grant_id, created_at);
CREATE INDEX links_of_contract ON links (contract_id, library_id, created_at);
CREATE INDEX references_of_contract ON account_references (contract_id, expires_at);

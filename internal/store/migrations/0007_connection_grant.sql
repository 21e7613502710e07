-- An account at a provider belongs to the grant with which the person connected it, and ends with
-- it. It has none as long as it is pending. An account of before belongs to the grant that the
-- activity names with it; if that has ended, the account ends when the server tidies up. One that
-- the activity does not name belongs to the newest grant to write that its application has now.
-- +goose Up
CREATE TABLE provider_accounts_by_grant (
    id             TEXT COLLATE "C" PRIMARY KEY,
    reference      TEXT COLLATE "C" NOT NULL,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
    grant_id       TEXT COLLATE "C" NOT NULL, -- empty while it is pending
    source_id      BIGINT NOT NULL,
    source         TEXT NOT NULL, -- JSON
    pending        BOOLEAN NOT NULL,
    access         BYTEA, -- shut by the master keyring
    access_version BIGINT NOT NULL,
    access_until   BIGINT NOT NULL,
    renewal_until  BIGINT NOT NULL, -- until when somebody has the right to renew it
    ended_at       BIGINT NOT NULL,
    correlation    TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    last_used_at   BIGINT NOT NULL
);
INSERT INTO provider_accounts_by_grant (id, reference, library_id, application_id, grant_id, source_id, source, pending,
    access, access_version, access_until, renewal_until, ended_at, correlation, created_at, updated_at, last_used_at)
SELECT id, reference, library_id, application_id,
    CASE WHEN pending THEN '' ELSE COALESCE((
        SELECT COALESCE((
            SELECT grants.id FROM grants
            WHERE grants.id = events.details /* AS JSON */ ->> 'grant'
                AND grants.library_id = provider_accounts.library_id
                AND grants.application_id = provider_accounts.application_id AND grants.revoked_at = 0
                AND grants.expires_at > CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)), '')
        FROM events
        WHERE events.library_id = provider_accounts.library_id AND events.kind IN ('app.allowed', 'app.renewed')
            AND events.details /* AS JSON */ ->> 'account' = provider_accounts.id
        ORDER BY events.seq DESC LIMIT 1), (
        SELECT grants.id FROM grants JOIN contracts ON contracts.id = grants.contract_id
        WHERE grants.library_id = provider_accounts.library_id AND grants.application_id = provider_accounts.application_id
            AND contracts.access = 'w' AND grants.revoked_at = 0
            AND grants.expires_at > CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT)
        ORDER BY grants.created_at DESC, grants.id DESC LIMIT 1), '') END,
    source_id, source, pending, access, access_version, access_until, renewal_until, ended_at, correlation,
    created_at, updated_at, last_used_at
FROM provider_accounts;
DROP TABLE provider_accounts;
ALTER TABLE provider_accounts_by_grant RENAME TO provider_accounts;
CREATE UNIQUE INDEX provider_accounts_of_grant ON provider_accounts (grant_id, source_id) WHERE grant_id <> '';
CREATE INDEX provider_accounts_of_library ON provider_accounts (library_id, application_id);
CREATE INDEX provider_accounts_pending ON provider_accounts (created_at) WHERE pending;

-- The account that a person went to a provider to connect again; empty for a new one.
ALTER TABLE trips ADD COLUMN account_id TEXT COLLATE "C" NOT NULL DEFAULT '';
-- How it ended, for a browser that comes back a second time.
ALTER TABLE trips ADD COLUMN result TEXT NOT NULL DEFAULT '';

-- How a request was answered, and by which browser, for one that answers a second time.
ALTER TABLE links ADD COLUMN answer TEXT NOT NULL DEFAULT '';
ALTER TABLE links ADD COLUMN answered_by TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Tokens of accounts that have ended, until they are revoked at the provider. No foreign key: they
-- outlive the library.
CREATE TABLE token_revocations (
    account_id     TEXT COLLATE "C" PRIMARY KEY,
    library_id     TEXT COLLATE "C" NOT NULL,
    application_id TEXT COLLATE "C" NOT NULL,
    source         TEXT NOT NULL, -- JSON
    access         BYTEA NOT NULL, -- shut by the master keyring
    created_at     BIGINT NOT NULL,
    next_at        BIGINT NOT NULL
);
CREATE INDEX token_revocations_due ON token_revocations (next_at);
CREATE INDEX token_revocations_to_forget ON token_revocations (created_at);

ALTER TABLE contracts ADD COLUMN deletes_library BOOLEAN NOT NULL DEFAULT FALSE;

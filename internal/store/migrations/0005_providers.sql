-- Accounts at providers, how they are connected, and what is on its way to them.
-- +goose Up
ALTER TABLE links ADD COLUMN account_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX links_with_account ON links (account_id) WHERE account_id <> '';

CREATE TABLE trips (
    hash           BYTEA PRIMARY KEY, -- of the state
    link_hash      BYTEA NOT NULL,
    application_id TEXT COLLATE "C" NOT NULL,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    login_id       TEXT COLLATE "C" NOT NULL,
    source         TEXT NOT NULL, -- JSON
    correlation    TEXT NOT NULL,
    secrets        BYTEA, -- shut by the master keyring
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    ended_at       BIGINT NOT NULL
);
CREATE INDEX trips_of_library ON trips (library_id);
CREATE INDEX trips_to_forget ON trips (expires_at);

CREATE TABLE provider_accounts (
    id             TEXT COLLATE "C" PRIMARY KEY,
    reference      TEXT COLLATE "C" NOT NULL,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
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
    last_used_at   BIGINT NOT NULL,
    UNIQUE (library_id, application_id, source_id)
);
CREATE INDEX provider_accounts_pending ON provider_accounts (created_at) WHERE pending;

-- What is large stands last, so that a list reads little.
CREATE TABLE deliveries (
    id             TEXT COLLATE "C" PRIMARY KEY,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    grant_id       TEXT COLLATE "C" NOT NULL,
    account_id     TEXT COLLATE "C" NOT NULL,
    provider_name  TEXT NOT NULL,
    types          TEXT NOT NULL, -- a JSON list
    state          TEXT COLLATE "C" NOT NULL,
    status         BIGINT NOT NULL,
    reason         TEXT NOT NULL,
    attempts       BIGINT NOT NULL,
    lease          TEXT COLLATE "C" NOT NULL, -- empty unless it is being worked on
    lease_until    BIGINT NOT NULL,
    next_at        BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    size           BIGINT NOT NULL -- of what is sent
);
CREATE INDEX deliveries_of_library ON deliveries (library_id, created_at, id);
CREATE INDEX deliveries_by_state ON deliveries (library_id, state);
-- These hold only what has not ended: the many that have cost nothing.
CREATE INDEX deliveries_due ON deliveries (next_at, id) WHERE state = 'waiting';
CREATE INDEX deliveries_leased ON deliveries (state, lease_until, id) WHERE lease_until > 0;
CREATE INDEX deliveries_waiting ON deliveries (account_id) WHERE state = 'waiting';

-- What is large stands apart: a delivery's row is written anew with each step.
CREATE TABLE delivery_contents (
    delivery_id TEXT COLLATE "C" PRIMARY KEY REFERENCES deliveries (id) ON DELETE CASCADE,
    payload     BYTEA, -- these two shut by the master keyring
    answer      BYTEA,
    answered_at BIGINT NOT NULL -- never, as long as there is no answer
);
CREATE INDEX delivery_contents_answered ON delivery_contents (answered_at) WHERE answered_at > 0;

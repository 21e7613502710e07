-- Consent: what was asked, what was allowed, and the secrets that came of it, each
-- kept as its hash and, where it may read, the library's key sealed for it.
-- +goose Up
CREATE TABLE links (
    hash           BYTEA PRIMARY KEY,
    kind           TEXT NOT NULL,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    redirect_uri   TEXT NOT NULL,
    state          BYTEA NOT NULL, -- any bytes of the application's
    challenge      TEXT NOT NULL,
    library_id     TEXT COLLATE "C" NOT NULL, -- empty unless one was named
    session_hash   BYTEA NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    answered_at    BIGINT NOT NULL
);
CREATE INDEX links_of_library ON links (library_id);
CREATE INDEX links_of_session ON links (session_hash);
CREATE INDEX links_to_forget ON links (expires_at);

CREATE TABLE grants (
    id             TEXT COLLATE "C" PRIMARY KEY,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    last_used_at   BIGINT NOT NULL,
    revoked_at     BIGINT NOT NULL
);
CREATE INDEX grants_of_library ON grants (library_id, contract_id);

CREATE TABLE accounts (
    id             TEXT COLLATE "C" PRIMARY KEY,
    reference      TEXT COLLATE "C" NOT NULL,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
    subject        TEXT COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    UNIQUE (library_id, application_id)
);

CREATE TABLE codes (
    hash           BYTEA PRIMARY KEY,
    grant_id       TEXT COLLATE "C" NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    challenge      TEXT NOT NULL,
    seal           BYTEA,
    expires_at     BIGINT NOT NULL,
    used_at        BIGINT NOT NULL
);
CREATE INDEX codes_of_grant ON codes (grant_id);
CREATE INDEX codes_to_forget ON codes (expires_at);

CREATE TABLE tokens (
    hash       BYTEA PRIMARY KEY,
    use        TEXT NOT NULL,
    grant_id   TEXT COLLATE "C" NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    seal       BYTEA,
    expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_of_grant ON tokens (grant_id);
CREATE INDEX tokens_to_forget ON tokens (expires_at);

CREATE TABLE deleted_tokens (
    hash      BYTEA PRIMARY KEY,
    forget_at BIGINT NOT NULL
);
CREATE INDEX deleted_tokens_to_forget ON deleted_tokens (forget_at);

CREATE TABLE sessions (
    hash           BYTEA PRIMARY KEY,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    grant_id       TEXT COLLATE "C" NOT NULL, -- empty until the person has agreed
    public_key     BYTEA,
    seal           BYTEA,
    options        TEXT NOT NULL, -- JSON
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE INDEX sessions_of_grant ON sessions (grant_id);
CREATE INDEX sessions_to_forget ON sessions (expires_at);

CREATE TABLE account_references (
    id             TEXT COLLATE "C" PRIMARY KEY,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    account_id     TEXT COLLATE "C" NOT NULL,
    expires_at     BIGINT NOT NULL
);
CREATE INDEX references_of_account ON account_references (account_id);
CREATE INDEX references_to_forget ON account_references (expires_at);

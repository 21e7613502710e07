-- Who may call: applications and what they ask for; and how the server signs.
-- +goose Up
CREATE TABLE applications (
    id          TEXT COLLATE "C" PRIMARY KEY,
    name        TEXT NOT NULL,
    partner_id  TEXT NOT NULL,
    about       TEXT NOT NULL,
    checked     BOOLEAN NOT NULL,
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT NOT NULL
);

CREATE TABLE contracts (
    id             TEXT COLLATE "C" PRIMARY KEY,
    application_id TEXT COLLATE "C" NOT NULL REFERENCES applications (id),
    access         TEXT NOT NULL,
    public_key     TEXT NOT NULL,
    redirect_uris  TEXT NOT NULL, -- a JSON list
    scope          TEXT NOT NULL, -- JSON
    purpose        TEXT NOT NULL,
    terms          TEXT NOT NULL,
    privacy        TEXT NOT NULL,
    grant_for      BIGINT NOT NULL, -- in milliseconds
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    disabled_at    BIGINT NOT NULL
);
CREATE INDEX contracts_of_application ON contracts (application_id, created_at, id);

-- At a thousand pushes a second this holds half a million rows, so they are short.
CREATE TABLE nonces (
    hash      BYTEA PRIMARY KEY, -- 16 bytes, of client and nonce
    forget_at BIGINT NOT NULL
) /* WITHOUT ROWID */;
CREATE INDEX nonces_to_forget ON nonces (forget_at);

-- The first key takes place 1: of many nodes that start at once, one gets it.
CREATE TABLE signing_keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    place      BIGINT NOT NULL UNIQUE,
    public_key TEXT NOT NULL,
    private    BYTEA NOT NULL, -- shut by the master keyring
    created_at BIGINT NOT NULL
);

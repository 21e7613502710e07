-- Libraries, the ways into them, and what has happened in them.
-- +goose Up
CREATE TABLE libraries (
    id           TEXT COLLATE "C" PRIMARY KEY,
    email        TEXT COLLATE "C" NOT NULL UNIQUE,
    public_key   BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    code_saved   BOOLEAN NOT NULL,
    code_made_at BIGINT NOT NULL,
    delete_at    BIGINT NOT NULL
);
CREATE INDEX libraries_shut ON libraries (delete_at) WHERE delete_at <> 0;

CREATE TABLE locks (
    library_id TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    box        BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (library_id, kind)
);

CREATE TABLE logins (
    id           TEXT COLLATE "C" PRIMARY KEY,
    library_id   TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    hash         BYTEA NOT NULL UNIQUE,
    seal         BYTEA,
    pending_code BYTEA,
    agent        TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX logins_of_library ON logins (library_id);
CREATE INDEX logins_to_forget ON logins (expires_at);

-- How many events a library has. Its row is the library's lock: whoever changes
-- something of a library writes here first. It stands apart, so that a push rewrites
-- a few bytes.
CREATE TABLE chains (
    library_id TEXT COLLATE "C" PRIMARY KEY REFERENCES libraries (id) ON DELETE CASCADE,
    events     BIGINT NOT NULL
) /* WITHOUT ROWID */;

-- No foreign key: it would be a check for each push, and the chain is locked anyway.
CREATE TABLE events (
    library_id TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT NOT NULL,
    details    TEXT NOT NULL, -- JSON, as it was hashed
    previous   BYTEA,
    hash       BYTEA NOT NULL,
    PRIMARY KEY (library_id, seq)
);

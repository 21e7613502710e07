-- What shows that somebody else has written rows: authentication codes under keys that
-- the database does not hold. The bindings bind a library's id and public key; they
-- are null in rows that an older program has made.
-- +goose Up
ALTER TABLE libraries ADD COLUMN binding BYTEA;
ALTER TABLE codes ADD COLUMN binding BYTEA;
ALTER TABLE tokens ADD COLUMN binding BYTEA;

-- These bind the request, and the public key of its session, to which a library's key may
-- be sealed, to the request's code.
ALTER TABLE links ADD COLUMN binding BYTEA;
ALTER TABLE links ADD COLUMN session_binding BYTEA;

-- The one row says when the rows of an older program were given their bindings.
CREATE TABLE adoptions (
    id         BIGINT PRIMARY KEY,
    adopted_at BIGINT NOT NULL,
    mac        BYTEA NOT NULL
);

-- Up to where a library's chain of events has been verified.
CREATE TABLE event_checkpoints (
    library_id TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    seq        BIGINT NOT NULL,
    hash       BYTEA NOT NULL,
    mac        BYTEA NOT NULL,
    PRIMARY KEY (library_id, seq)
);

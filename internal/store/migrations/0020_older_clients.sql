-- What the clients of earlier generations need: the same request sent again after the server has failed it, sessions
-- that are read without a signature, and postboxes. An older program would not encrypt the keys of postboxes again
-- when the master keys are replaced.
-- +goose Up
-- The call that may use the nonce once more until that time; NULL and 0 if none may.
ALTER TABLE nonces ADD COLUMN retry_call BYTEA;
ALTER TABLE nonces ADD COLUMN retry_until BIGINT NOT NULL DEFAULT 0;

-- The SHA-256 of the contract's key for which the session is read without a signature; NULL if it is not.
ALTER TABLE sessions ADD COLUMN unsigned_key BYTEA;

-- Whether the application gets a postbox with the answer.
ALTER TABLE links ADD COLUMN postbox BOOLEAN NOT NULL DEFAULT FALSE;

-- A key pair of a library for a write contract; box is the private key, sealed by the master keyring.
CREATE TABLE postboxes (
    id             TEXT COLLATE "C" PRIMARY KEY,
    library_id     TEXT COLLATE "C" NOT NULL REFERENCES libraries (id) ON DELETE CASCADE,
    application_id TEXT COLLATE "C" NOT NULL,
    contract_id    TEXT COLLATE "C" NOT NULL,
    box            BYTEA NOT NULL,
    created_at     BIGINT NOT NULL
);
CREATE UNIQUE INDEX postboxes_of_library ON postboxes (library_id, contract_id);

-- Small files that are pushed into a library shortly after each other share one encapsulation. An older program could not
-- open them.
-- +goose Up
-- No foreign key, as in files: it would be a check for each push. The library is deleted with its epochs.
CREATE TABLE epochs (
    library_id    TEXT COLLATE "C" NOT NULL,
    id            BYTEA NOT NULL, -- 16 bytes
    encapsulation BYTEA NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (library_id, id)
);

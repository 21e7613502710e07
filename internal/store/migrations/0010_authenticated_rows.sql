-- More of what shows that somebody else has written rows. All of it is null or empty in rows
-- that an older program has made; the first start gives them what they lack.
-- +goose Up

-- Where a chain of events ends: the hash of the newest event, and a MAC under a master key.
-- A MAC of one byte says that an earlier end was forged.
ALTER TABLE chains ADD COLUMN hash BYTEA;
ALTER TABLE chains ADD COLUMN mac BYTEA;

-- Binds a login to its library, under a key that derives from the secret of its cookie and
-- under a master key.
ALTER TABLE logins ADD COLUMN binding BYTEA;

-- What the person has allowed: the access type, a hash of what the contract allowed then,
-- and a MAC of that and of the rest of the grant under a master key.
ALTER TABLE grants ADD COLUMN access TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN allowed TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN binding BYTEA;

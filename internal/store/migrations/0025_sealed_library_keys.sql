-- A library's private key is sealed to a secret in a shorter way, which an older program could not open. What is stored
-- stays as it is.
-- +goose Up
SELECT 1;

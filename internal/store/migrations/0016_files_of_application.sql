-- The index for the pages of the files that one application has pushed.
-- oldest program: 15
-- +goose Up
CREATE INDEX files_of_application ON files (library_id, application_id, created_at, id);

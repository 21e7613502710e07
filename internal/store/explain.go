package store

import (
	"errors"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// An explainedError says in a sentence what an operator can do about an error of the disk.
type explainedError struct {
	sentence string
	err      error
}

func (e *explainedError) Error() string { return e.sentence }
func (e *explainedError) Unwrap() error { return e.err }

const (
	notWritable = "the database cannot be written: check that its file and its folder belong to the user of the " +
		"server and of this command, and that the disk is not mounted for reading only"
	notReadable = "the database cannot be read: run this command as the user of the server, to whom its file and its " +
		"folder belong"
)

// explain returns an error of a disk, or of SQLite about one, as a sentence, and each other error as it is.
func explain(err error) error {
	var lite *sqlite.Error
	var explained *explainedError
	sentence := ""
	switch {
	case err == nil || errors.As(err, &explained):
	case errors.As(err, &lite):
		sentence = sentenceOf(lite.Code())
	case errors.Is(err, syscall.EROFS):
		sentence = notWritable
	case errors.Is(err, fs.ErrPermission):
		sentence = notReadable + " (" + err.Error() + ")"
	}
	if sentence == "" {
		return err
	}
	return &explainedError{sentence, err}
}

// sentenceOf returns the sentence for a result code of SQLite; empty if there is none.
func sentenceOf(code int) string {
	switch code {
	case sqlite3.SQLITE_READONLY_DBMOVED:
		return "the file of the database was moved or removed while it was in use: put it back and start again"
	case sqlite3.SQLITE_CANTOPEN_ISDIR:
		return "the path of the database is a folder: check --database (CARREL_DATABASE)"
	}
	const primary = 0xff // the other bits say more
	switch code & primary {
	case sqlite3.SQLITE_READONLY:
		return notWritable
	case sqlite3.SQLITE_FULL:
		return "the disk is full: free some space on it. What was not answered was not stored"
	case sqlite3.SQLITE_CANTOPEN:
		return "the file of the database cannot be opened: check that its folder exists, and that the user of the " +
			"server and of this command may read, write and make files in it"
	case sqlite3.SQLITE_IOERR:
		return "the disk of the database cannot be read or written: check the disk and the log of the system"
	case sqlite3.SQLITE_CORRUPT:
		return "the database is damaged: stop the server and restore a backup"
	case sqlite3.SQLITE_NOTADB:
		return "the file is no SQLite database: check --database (CARREL_DATABASE)"
	}
	return ""
}

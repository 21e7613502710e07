package sampledata

import (
	"errors"
	"fmt"
	"time"
)

// ErrInterrupted is the error of a source whose connection broke off.
var ErrInterrupted = errors.New("the connection to the source broke off")

// The codes of a [SourceError].
const (
	// CodeServiceAuthorization: the source no longer lets the account be read.
	CodeServiceAuthorization = "ServiceAuthorizationError"
	// CodeSyncInProgress: the source is still collecting the data itself.
	CodeSyncInProgress = "SyncInProgress"
	// CodePartialObjectTypes: some types of objects could not be read.
	CodePartialObjectTypes = "PartialObjectTypes"
	// CodeSourceFetchDuration: the time that the application allows for reading sources is over.
	CodeSourceFetchDuration = "SourceFetchDurationQuotaReached"
)

// SourceError is why an account could be read in part only, as the status of a file list reports it.
type SourceError struct {
	Code    string
	Status  int
	Message string
	// Reauth is set if the person has to authorise the account again.
	Reauth bool
	// RetryAfter is after which time the rest may be there; 0 if the source does not say.
	RetryAfter time.Duration
	// ObjectTypes are the errors of single types.
	ObjectTypes []ObjectTypeError
}

// ObjectTypeError is why the objects of one type could not be read.
type ObjectTypeError struct {
	ObjectType ObjectType
	Code       string
	Status     int
	Message    string
}

// Error returns the message, the status and the code.
func (e *SourceError) Error() string { return fmt.Sprintf("%s (%d %s)", e.Message, e.Status, e.Code) }

// A script decides what happens while files are read. There are at least two files.
type script func(files []File, types []ObjectType, yield func(File, error) bool)

// slowDelay is the delay of each file in the set "slow".
const slowDelay = 5 * time.Second

// scripted are the sets in which something happens. Their files are those of the set "test".
var scripted = []Set{
	{
		ID: "reauthorize", small: true, asksAgain: true,
		Name: Text{"Authorisation expired", "Toestemming verlopen"},
		Description: Text{
			"After the first file, the source asks for authorisation again; with it, the rest comes",
			"Na het eerste bestand vraagt de bron opnieuw om toestemming; daarna komt de rest",
		},
		script: endWith(SourceError{
			Code: CodeServiceAuthorization, Status: 511, Message: "Service authorization required", Reauth: true,
		}),
	},
	{
		ID: "sync-in-progress", small: true,
		Name: Text{"Not ready yet", "Nog niet klaar"},
		Description: Text{
			"After the first file, the source says that it is still collecting the rest",
			"Na het eerste bestand meldt de bron dat die de rest nog verzamelt",
		},
		script: endWith(SourceError{
			Code: CodeSyncInProgress, Status: 206, Message: "The source is still collecting data",
			RetryAfter: time.Minute,
		}),
	},
	{
		ID: "partial", small: true,
		Name: Text{"One type fails", "Eén soort mislukt"},
		Description: Text{
			"The source cannot give one type of data",
			"De bron kan één soort gegevens niet geven",
		},
		script: partial,
	},
	{
		ID: "time-limit", small: true,
		Name: Text{"Out of time", "Tijd is op"},
		Description: Text{
			"After the first file, the time for reading is over",
			"Na het eerste bestand is de tijd om te lezen voorbij",
		},
		script: endWith(SourceError{
			Code: CodeSourceFetchDuration, Status: 206, Message: "The time limit for reading sources has been reached",
		}),
	},
	{
		ID: "interrupted", small: true,
		Name: Text{"Connection lost", "Verbinding verbroken"},
		Description: Text{
			"After the first file, the connection to the source breaks off",
			"Na het eerste bestand valt de verbinding met de bron weg",
		},
		script: interrupted,
	},
	{
		ID: "slow", small: true,
		Name: Text{"Slow source", "Trage bron"},
		Description: Text{
			"All files, but the source takes five seconds for each",
			"Alle bestanden, maar de bron doet over elk bestand vijf seconden",
		},
		script: slow,
	},
}

func untroubled(files []File, _ []ObjectType, yield func(File, error) bool) {
	for _, f := range files {
		if !yield(f, nil) {
			return
		}
	}
}

// endWith gives the first file and then the error.
func endWith(e SourceError) script {
	return func(files []File, _ []ObjectType, yield func(File, error) bool) {
		if yield(files[0], nil) {
			yield(File{}, &e)
		}
	}
}

// partial gives an error instead of the files of the last type. The first file is given in any case.
func partial(files []File, types []ObjectType, yield func(File, error) bool) {
	missing, failed := types[len(types)-1], false
	for i, f := range files {
		var err error
		if i > 0 && f.ObjectType == missing {
			if failed {
				continue
			}
			failed = true
			f, err = File{}, &SourceError{
				Code: CodePartialObjectTypes, Status: 206, Message: "Some types of data could not be read",
				ObjectTypes: []ObjectTypeError{{
					ObjectType: missing, Code: "ServiceUnavailable", Status: 503,
					Message: "The source could not give this type of data",
				}},
			}
		}
		if !yield(f, err) {
			return
		}
	}
}

func interrupted(files []File, _ []ObjectType, yield func(File, error) bool) {
	if yield(files[0], nil) {
		yield(File{}, ErrInterrupted)
	}
}

func slow(files []File, _ []ObjectType, yield func(File, error) bool) {
	for _, f := range files {
		f.Delay = slowDelay
		if !yield(f, nil) {
			return
		}
	}
}

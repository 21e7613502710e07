package sampledata

import (
	"iter"
	"slices"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// Text is a text in the languages of the pages.
type Text struct{ EN, NL string }

// In returns the text in a language, such as "nl". It is in English if there is no translation.
func (t Text) In(language string) string {
	if language == "nl" {
		return t.NL
	}
	return t.EN
}

// Account is the account that files are loaded for. Its values are those of permission-access/accounts, since clients
// compare the account of an object with the id in that list.
type Account struct {
	ID wire.AccountID
	// GroupID and GroupName are the service group: 5, "Entertainment".
	GroupID   int
	GroupName string
	// ServiceName is the reference of the service: "spotify".
	ServiceName string
}

// Set is a set of invented data.
type Set struct {
	// ID is how applications name the set. It is unique in its collection.
	ID string
	// Name and Description are for people.
	Name, Description Text

	collection *collection
	small      bool
	script     script
	// asksAgain says that the script ends with a question for authorisation.
	asksAgain bool
}

// collection is invented data of one kind.
type collection struct {
	id string
	// types are the types of its mapped objects, in the order of the files.
	types []ObjectType
	// description and testDescription are those of the sets "default" and "test".
	description, testDescription Text
	files                        func(b *builder) []File
}

// collections are all collections.
var collections = []*collection{&medical, &social, &finance, &fitness, &entertainment}

// Collections returns the ids of the collections.
func Collections() []string {
	ids := make([]string, len(collections))
	for i, c := range collections {
		ids[i] = c.id
	}
	return ids
}

// Sets returns the sets of a collection; none if there is no such collection. The first one is "default".
func Sets(collectionID string) []Set {
	i := slices.IndexFunc(collections, func(c *collection) bool { return c.id == collectionID })
	if i < 0 {
		return nil
	}
	c := collections[i]
	sets := []Set{
		{ID: "default", Name: Text{"Sample data", "Voorbeeldgegevens"}, Description: c.description},
		{ID: "test", Name: Text{"Test data", "Testgegevens"}, Description: c.testDescription, small: true},
	}
	sets = append(sets, scripted...)
	for i := range sets {
		sets[i].collection = c
	}
	return sets
}

// Find returns a set of a collection.
func Find(collectionID, id string) (Set, bool) {
	sets := Sets(collectionID)
	i := slices.IndexFunc(sets, func(s Set) bool { return s.ID == id })
	if i < 0 {
		return Set{}, false
	}
	return sets[i], true
}

// ObjectTypes returns the types of the mapped objects in a collection; none if there is no such collection.
func ObjectTypes(collectionID string) []ObjectType {
	set, ok := Find(collectionID, "default")
	if !ok {
		return nil
	}
	return set.ObjectTypes()
}

// ObjectTypes returns the types of the mapped objects in the set.
func (s Set) ObjectTypes() []ObjectType { return slices.Clone(s.collection.types) }

// Reauthorized returns the set as it is once the person has authorised the account again: without an error that asks
// for that.
func (s Set) Reauthorized() Set {
	if s.asksAgain {
		s.script = nil
	}
	return s
}

// Files returns the files of the set as they are at a time, newest first within each type. The same account and time
// give the same files.
//
// An error comes without a file. After a [*SourceError] other files may follow, and those before it count: the account
// has been read in part. After [ErrInterrupted] nothing follows.
//
// The hours of events are those of the location of now.
func (s Set) Files(a Account, now time.Time) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		files := s.collection.files(&builder{account: a, now: now.Truncate(time.Second), small: s.small})
		if s.script == nil {
			s.script = untroubled
		}
		s.script(files, s.collection.types, yield)
	}
}

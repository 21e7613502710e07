package sampledata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// ObjectType is a type of mapped objects. A scope has its id, the metadata of a file its name.
type ObjectType struct {
	ID   int
	Name string
}

// File is a file of a set.
type File struct {
	// Key identifies the file in the set, whenever it is loaded. It has small letters, digits and dashes.
	Key string
	// Metadata has Mapped for a file of mapped objects, which is a JSON array, and Raw for any other file. Who stores a
	// raw file adds when and by whom that was done.
	Metadata wire.FileMetadata
	// ObjectType is the type of the objects in a mapped file; zero for a raw one.
	ObjectType ObjectType
	// From and To are the times of the oldest and the newest object. They are zero for a list that has no time, such
	// as allergies: it is part of every period.
	From, To time.Time
	// Delay is how long the source takes to give this file, after the one before.
	Delay time.Duration

	content []byte
}

// MIMEType returns the media type of the content.
func (f File) MIMEType() string {
	if f.Metadata.Raw != nil {
		return f.Metadata.Raw.MIMEType
	}
	return "application/json"
}

// Content returns a new reader of the content, which also knows its size.
func (f File) Content() *bytes.Reader { return bytes.NewReader(f.content) }

// The schemas of mapped files.
var (
	schemaDigime = wire.Schema{Standard: "digime", Version: "1.0.0"}
	schemaFHIR   = wire.Schema{Standard: "fhir", Version: "3.0.2"}
)

// period is how many days of objects are in one file. It is counted back from the time of loading, and not by the
// calendar, so that an object is always in the same file.
const period = 30

// builder makes the files of one loading.
type builder struct {
	account Account
	now     time.Time
	small   bool
}

// item is an object for a mapped file. Its age is in days.
type item struct {
	at     time.Time
	age    int
	object any
}

// day returns a time of the day that was some days ago. With at least one day it is never in the future.
func (b *builder) day(ago, hour, minute int) time.Time {
	y, m, d := b.now.Date()
	return time.Date(y, m, d-ago, hour, minute, 0, 0, b.now.Location())
}

// entityID returns the id of an object among those of all accounts.
func (b *builder) entityID(id string) string { return string(b.account.ID) + "_" + id }

// pick returns the number for the set "default" or the smaller one for "test".
func (b *builder) pick(full, small int) int {
	if b.small {
		return small
	}
	return full
}

// periods returns the files with objects that have a time, one for each period. Items are sorted by age.
func (b *builder) periods(t ObjectType, schema wire.Schema, items []item) (files []File) {
	for begin := 0; begin < len(items); {
		number, end := items[begin].age/period, begin
		f := File{To: items[begin].at, From: items[begin].at}
		var objects []any
		for ; end < len(items) && items[end].age/period == number; end++ {
			objects = append(objects, items[end].object)
			if at := items[end].at; at.Before(f.From) {
				f.From = at
			} else if at.After(f.To) {
				f.To = at
			}
		}
		files = append(files, b.mapped(f, fmt.Sprintf("%s-%02d", t.Name, number), t, schema, objects))
		begin = end
	}
	return files
}

// list returns the file with objects that have no time.
func (b *builder) list(t ObjectType, schema wire.Schema, objects []any) File {
	return b.mapped(File{}, t.Name, t, schema, objects)
}

func (b *builder) mapped(f File, key string, t ObjectType, schema wire.Schema, objects []any) File {
	f.Key, f.ObjectType, f.content = key, t, encode(objects)
	f.Metadata.Mapped = &wire.MappedMetadata{
		ObjectCount:  len(objects),
		ObjectType:   t.Name,
		ServiceGroup: strings.ToLower(b.account.GroupName),
		ServiceName:  b.account.ServiceName,
		Schema:       schema,
	}
	return f
}

// raw returns a file that is not mapped.
func (b *builder) raw(key, name, kind, mimeType, provider string, at time.Time, content []byte) File {
	return File{
		Key: key, From: at, To: at, content: content,
		Metadata: wire.FileMetadata{Raw: &wire.RawMetadata{
			MIMEType:      mimeType,
			Accounts:      []wire.DescriptorAccount{{AccountID: string(b.account.ID)}},
			Reference:     []string{name},
			ObjectTypes:   []wire.ObjectType{{Name: kind}},
			ServiceGroups: []int{b.account.GroupID},
			ProviderName:  provider,
		}},
	}
}

// encode returns the JSON of objects. It leaves < and > as they are, which narratives have many of.
func encode(objects []any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(objects); err != nil {
		panic(fmt.Sprintf("sample data is not JSON: %v", err)) // it has no input that could cause this
	}
	return out.Bytes()
}

// vary returns a number from 0 to n-1 that looks random and depends only on the name and i.
func vary(name string, i, n int) int {
	h := uint32(2166136261) // FNV-1a
	for _, c := range []byte(name) {
		h = (h ^ uint32(c)) * 16777619
	}
	for ; i > 0; i >>= 8 {
		h = (h ^ uint32(i&0xff)) * 16777619
	}
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	return int(h % uint32(n))
}

package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// How much lies on the shelf to be read again.
const (
	maxShelf      = 5000
	maxShelfBytes = 64 << 20
)

// shelf holds resources, apart for each patient of each provider. Its oldest ones go
// when it is full; the samples stay.
type shelf struct {
	mu     sync.Mutex
	lies   map[string]stored
	order  []string // of what was filed
	bytes  int
	seeded map[string][]string // provider and patient → keys of the samples
}

// stored is a resource on the shelf.
type stored struct {
	owner, kind, id string
	version         int
	updated         time.Time
	body            json.RawMessage
}

func newShelf() *shelf { return &shelf{lies: map[string]stored{}, seeded: map[string][]string{}} }

func ownerOf(provider, patient string) string { return provider + "\x00" + patient }

func keyOf(owner, kind, id string) string { return owner + "\x00" + kind + "/" + id }

func (s stored) etag() string { return fmt.Sprintf(`W/"%d"`, s.version) }

// resource is how it reads.
func (s stored) resource() json.RawMessage { return s.body }

// put lays a resource down, over an older version of it if there is one; the status
// is 201 or 200.
func (s *shelf) put(provider, patient, kind, id string, e element, now time.Time) (stored, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := ownerOf(provider, patient)
	key := keyOf(owner, kind, id)
	before, existed := s.lies[key]
	after := newStored(owner, kind, id, before.version+1, e, now)
	s.lies[key] = after
	s.bytes += len(after.body) - len(before.body)
	if existed {
		return after, 200
	}
	s.order = append(s.order, key)
	for len(s.order) > maxShelf || len(s.order) > 1 && s.bytes > maxShelfBytes {
		s.bytes -= len(s.lies[s.order[0]].body)
		delete(s.lies, s.order[0])
		s.order = s.order[1:]
	}
	return after, 201
}

func newStored(owner, kind, id string, version int, e element, now time.Time) stored {
	e = maps.Clone(e)
	meta, _ := e["meta"].(element)
	meta = maps.Clone(meta)
	if meta == nil {
		meta = element{}
	}
	meta["versionId"] = fmt.Sprint(version)
	meta["lastUpdated"] = now.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	e["id"], e["meta"] = id, meta
	body, err := json.Marshal(e)
	if err != nil {
		body = []byte("{}") // cannot be: it was JSON before
	}
	return stored{owner, kind, id, version, now, body}
}

// get finds a resource.
func (s *shelf) get(provider, patient, kind, id string, now time.Time) (stored, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seed(provider, patient, now)
	found, ok := s.lies[keyOf(ownerOf(provider, patient), kind, id)]
	return found, ok
}

// list lists a patient's resources of a type, samples first.
func (s *shelf) list(provider, patient, kind string, now time.Time) (found []stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seed(provider, patient, now)
	owner := ownerOf(provider, patient)
	for _, key := range slices.Concat(s.seeded[owner], s.order) {
		if each := s.lies[key]; each.owner == owner && each.kind == kind {
			found = append(found, each)
		}
	}
	return found
}

// seed lays the samples down the first time that a patient is looked at.
func (s *shelf) seed(provider, patient string, now time.Time) {
	owner := ownerOf(provider, patient)
	if _, done := s.seeded[owner]; done {
		return
	}
	s.seeded[owner] = []string{}
	for _, e := range sampleResources(provider, patient) {
		kind, id := text(e, "resourceType"), text(e, "id")
		key := keyOf(owner, kind, id)
		if _, there := s.lies[key]; !there {
			s.lies[key] = newStored(owner, kind, id, 1, e, now)
			s.seeded[owner] = append(s.seeded[owner], key)
		}
	}
}

package simulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// The limits of a resourceStore.
const (
	maxStored      = 5000
	maxStoredBytes = 64 << 20
)

// resourceStore has the resources of each patient of each provider. When it is full, it deletes
// the oldest resources, but no sample resources.
type resourceStore struct {
	mu        sync.Mutex
	resources map[string]storedResource
	order     []string // the keys of filed resources, oldest first
	bytes     int
	samples   map[string][]string // by owner: the keys of the sample resources
}

// storedResource is a resource in the store.
type storedResource struct {
	owner, kind, id string
	version         int
	updated         time.Time
	body            json.RawMessage
}

func newResourceStore() *resourceStore {
	return &resourceStore{resources: map[string]storedResource{}, samples: map[string][]string{}}
}

// ownerKey returns the key of a patient of a provider.
func ownerKey(provider, patient string) string { return provider + "\x00" + patient }

func resourceKey(owner, kind, id string) string { return owner + "\x00" + kind + "/" + id }

func (s storedResource) etag() string { return fmt.Sprintf(`W/"%d"`, s.version) }

// json returns the resource as JSON.
func (s storedResource) json() json.RawMessage { return s.body }

// put stores a resource. It returns 201 for a new resource and 200 for a new version.
func (s *resourceStore) put(provider, patient, kind, id string, e element, now time.Time) (storedResource, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner := ownerKey(provider, patient)
	key := resourceKey(owner, kind, id)
	before, existed := s.resources[key]
	after := newStoredResource(owner, kind, id, before.version+1, e, now)
	s.resources[key] = after
	s.bytes += len(after.body) - len(before.body)
	if existed {
		return after, 200
	}
	s.order = append(s.order, key)
	for len(s.order) > maxStored || len(s.order) > 1 && s.bytes > maxStoredBytes {
		s.bytes -= len(s.resources[s.order[0]].body)
		delete(s.resources, s.order[0])
		s.order = s.order[1:]
	}
	return after, 201
}

// newStoredResource returns a resource with the id and with the version in its meta.
func newStoredResource(owner, kind, id string, version int, e element, now time.Time) storedResource {
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
		body = []byte("{}") // unreachable: it was decoded from JSON
	}
	return storedResource{owner, kind, id, version, now, body}
}

// get returns a resource.
func (s *resourceStore) get(provider, patient, kind, id string, now time.Time) (storedResource, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addSamples(provider, patient, now)
	found, ok := s.resources[resourceKey(ownerKey(provider, patient), kind, id)]
	return found, ok
}

// list returns a patient's resources of a type, sample resources first.
func (s *resourceStore) list(provider, patient, kind string, now time.Time) (found []storedResource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addSamples(provider, patient, now)
	owner := ownerKey(provider, patient)
	for _, key := range slices.Concat(s.samples[owner], s.order) {
		if each := s.resources[key]; each.owner == owner && each.kind == kind {
			found = append(found, each)
		}
	}
	return found
}

// addSamples adds a patient's sample resources, if they have not been added yet.
func (s *resourceStore) addSamples(provider, patient string, now time.Time) {
	owner := ownerKey(provider, patient)
	if _, done := s.samples[owner]; done {
		return
	}
	s.samples[owner] = []string{}
	for _, e := range sampleResources(provider, patient) {
		kind, id := stringField(e, "resourceType"), stringField(e, "id")
		key := resourceKey(owner, kind, id)
		if _, there := s.resources[key]; !there {
			s.resources[key] = newStoredResource(owner, kind, id, 1, e, now)
			s.samples[owner] = append(s.samples[owner], key)
		}
	}
}

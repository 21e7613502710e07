package medmij

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

// errNotWhitelisted is returned for a backchannel host that is not on the whitelist.
var errNotWhitelisted = errors.New("the provider's host is not on MedMij's whitelist")

// keyPrefix begins the keys of this network.
const keyPrefix = "medmij:"

// snapshot is the four lists at one time. It is immutable.
type snapshot struct {
	zal *zalList
	ocl *oclList
	whl *whlList
	gnl *gnlList
	// generation is the number of the snapshot.
	generation uint64

	endpoints map[delivery.ProviderKey]endpoints
	services  []DataService
}

// endpoints are the addresses of a provider's data service.
type endpoints struct {
	provider, service              string
	authorization, token, resource string
}

// number returns the Volgnummer of a list, 0 without the list.
func (s *snapshot) number(name listName) uint64 {
	var list parsedList
	switch {
	case name == nameZAL && s.zal != nil:
		list = s.zal
	case name == nameOCL && s.ocl != nil:
		list = s.ocl
	case name == nameWHL && s.whl != nil:
		list = s.whl
	case name == nameGNL && s.gnl != nil:
		list = s.gnl
	default:
		return 0
	}
	return list.number()
}

// with returns the next snapshot, with another list.
func (s *snapshot) with(list parsedList, config Config) *snapshot {
	next := *s
	next.generation++
	switch list := list.(type) {
	case *zalList:
		next.zal = list
	case *oclList:
		next.ocl = list
	case *whlList:
		next.whl = list
	case *gnlList:
		next.gnl = list
	}
	next.index(config)
	return &next
}

// index computes the endpoints and the data services from the lists.
func (s *snapshot) index(config Config) {
	s.endpoints, s.services = map[delivery.ProviderKey]endpoints{}, nil
	if s.zal == nil {
		return
	}
	for _, p := range s.zal.providers {
		for _, id := range config.Services {
			ep, ok := p.endpoints(id, config.SystemRoles[id], config.Log)
			if !ok {
				continue
			}
			key := delivery.ProviderKey(keyPrefix + p.name + "~" + id)
			s.endpoints[key] = ep
			if s.checkWhitelist(ep) == nil {
				s.services = append(s.services, DataService{
					Key: key, Provider: p.name, ID: id, Name: s.serviceName(id), Version: fhir.STU3,
				})
			}
		}
	}
	slices.SortFunc(s.services, func(a, b DataService) int { return cmp.Compare(a.Key, b.Key) })
}

func (s *snapshot) serviceName(id string) string {
	if s.gnl != nil && s.gnl.names[id] != "" {
		return s.gnl.names[id]
	}
	return "Gegevensdienst " + id
}

// endpoints returns the endpoints of a data service, from the newest interface version
// that has it. The resource endpoint is that of the system role; without a configured
// role there must be only one.
func (p zalProvider) endpoints(id, role string, log *slog.Logger) (endpoints, bool) {
	var best *zalService
	for i, s := range p.services {
		if s.id == id && (best == nil || newerVersion(s.version, best.version)) {
			best = &p.services[i]
		}
	}
	if best == nil {
		return endpoints{}, false
	}
	ep := endpoints{provider: p.name, service: id, authorization: best.authorization, token: best.token}
	for _, r := range best.roles {
		switch {
		case role != "" && r.code != role:
		case ep.resource == "":
			ep.resource = r.resource
		case ep.resource != r.resource:
			log.Warn("a provider lists several system roles for a data service: configure which to send to",
				"provider", p.name, "service", id)
			return endpoints{}, false
		}
	}
	return ep, ep.resource != ""
}

// find returns the endpoints for a key, if it is on the lists and its hosts are on the
// whitelist.
func (s *snapshot) find(key delivery.ProviderKey) (endpoints, error) {
	if s.zal == nil || s.whl == nil {
		return endpoints{}, fmt.Errorf("find %q: %w", key, errNoLists)
	}
	ep, ok := s.endpoints[key]
	if !ok {
		return endpoints{}, fmt.Errorf("find %q: not on MedMij's list: %w", key, delivery.ErrProviderGone)
	}
	if err := s.checkWhitelist(ep); err != nil {
		return endpoints{}, fmt.Errorf("find %q: %w: %w", key, err, delivery.ErrProviderGone)
	}
	return ep, nil
}

// checkWhitelist checks that both backchannel hosts are on the whitelist.
func (s *snapshot) checkWhitelist(ep endpoints) error {
	for _, address := range []string{ep.token, ep.resource} {
		if host := hostOf(address); s.whl == nil || !s.whl.hosts[host] {
			return fmt.Errorf("host %q: %w", host, errNotWhitelisted)
		}
	}
	return nil
}

// hostOf returns the host name of an address, as the whitelist spells it.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // on no list
	}
	return strings.ToLower(u.Hostname())
}

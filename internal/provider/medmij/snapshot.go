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

// errNotWhite says that a host of the backchannel may not be called.
var errNotWhite = errors.New("the provider's host is not on MedMij's whitelist")

// prefix begins the keys of this network.
const prefix = "medmij:"

// snapshot is what the lists say at a time. It never changes.
type snapshot struct {
	zal *zal
	ocl *ocl
	whl *whl
	gnl *gnl
	// gen counts the snapshots.
	gen uint64

	offers   map[delivery.ProviderKey]offer
	services []DataService
}

// offer is a data service of a provider: who, what and where.
type offer struct {
	provider, service              string
	authorization, token, resource string
}

// number is the sequence number of a list, 0 without one.
func (s *snapshot) number(name listName) uint64 {
	var l list
	switch {
	case name == nameZAL && s.zal != nil:
		l = s.zal
	case name == nameOCL && s.ocl != nil:
		l = s.ocl
	case name == nameWHL && s.whl != nil:
		l = s.whl
	case name == nameGNL && s.gnl != nil:
		l = s.gnl
	default:
		return 0
	}
	return l.number()
}

// with is the next snapshot, with another list.
func (s *snapshot) with(l list, c Config) *snapshot {
	next := *s
	next.gen++
	switch l := l.(type) {
	case *zal:
		next.zal = l
	case *ocl:
		next.ocl = l
	case *whl:
		next.whl = l
	case *gnl:
		next.gnl = l
	}
	next.index(c)
	return &next
}

// index finds what can be sent to.
func (s *snapshot) index(c Config) {
	s.offers, s.services = map[delivery.ProviderKey]offer{}, nil
	if s.zal == nil {
		return
	}
	for _, p := range s.zal.providers {
		for _, id := range c.Services {
			o, ok := p.offer(id, c.SystemRoles[id], c.Log)
			if !ok {
				continue
			}
			key := delivery.ProviderKey(prefix + p.name + "~" + id)
			s.offers[key] = o
			if s.reachable(o) == nil {
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

// offer picks the service of an id, from the newest version of the interface that has
// it, and the resource endpoint of the configured system role, or the only one there is.
func (p zalProvider) offer(id, role string, log *slog.Logger) (offer, bool) {
	var best *zalService
	for i, s := range p.services {
		if s.id == id && (best == nil || newer(s.version, best.version)) {
			best = &p.services[i]
		}
	}
	if best == nil {
		return offer{}, false
	}
	o := offer{provider: p.name, service: id, authorization: best.authorization, token: best.token}
	for _, r := range best.roles {
		switch {
		case role != "" && r.code != role:
		case o.resource == "":
			o.resource = r.resource
		case o.resource != r.resource:
			log.Warn("a provider lists several system roles for a data service: configure which to send to",
				"provider", p.name, "service", id)
			return offer{}, false
		}
	}
	return o, o.resource != ""
}

// find returns the offer of a key that may be used: it is on the lists, and its hosts
// are on the whitelist.
func (s *snapshot) find(key delivery.ProviderKey) (offer, error) {
	if s.zal == nil || s.whl == nil {
		return offer{}, fmt.Errorf("find %q: %w", key, errNoLists)
	}
	o, ok := s.offers[key]
	if !ok {
		return offer{}, fmt.Errorf("find %q: not on MedMij's list: %w", key, delivery.ErrProviderGone)
	}
	if err := s.reachable(o); err != nil {
		return offer{}, fmt.Errorf("find %q: %w: %w", key, err, delivery.ErrProviderGone)
	}
	return o, nil
}

// reachable checks that both hosts of the backchannel are on the whitelist.
func (s *snapshot) reachable(o offer) error {
	for _, address := range []string{o.token, o.resource} {
		if host := hostOf(address); s.whl == nil || !s.whl.hosts[host] {
			return fmt.Errorf("host %q: %w", host, errNotWhite)
		}
	}
	return nil
}

// hostOf is the host name of an address, as the whitelist spells it.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "" // on no list
	}
	return strings.ToLower(u.Hostname())
}

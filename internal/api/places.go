package api

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/carrelhq/carrel/digime/wire"
)

// places bounds how many calls run at once, and lets no contract and no application take them all. What one may hold
// depends on what is free: a contract as many as a third of the free places, so that one alone holds at most a quarter
// of all, and many together leave some free; an application as many as are free, so at most half.
type places struct {
	total       int
	perContract int // of so many free places a contract may hold one

	mu           sync.Mutex
	taken        int
	contracts    map[wire.ClientID]int
	applications map[wire.ApplicationID]int
}

const (
	// aQuarter is the perContract of places of which one contract alone may hold a quarter, and aHalf of those of which
	// it may hold half.
	aQuarter = 3
	aHalf    = 1
)

func newPlaces(total, perContract int) *places {
	return &places{total: total, perContract: perContract,
		contracts: make(map[wire.ClientID]int), applications: make(map[wire.ApplicationID]int)}
}

// take takes a place for a call of which it is not known yet whose it is.
func (p *places) take() (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken == p.total {
		return nil, false
	}
	p.taken++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.taken--
	}, true
}

// count counts the place of a call as one of its contract. It returns the error of a busy server if the contract, or
// its application, has its share.
func (p *places) count(client wire.ClientID) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.total - p.taken + 1 // with the place of the call
	if n := p.contracts[client]; p.perContract*n >= free {
		return nil, serverBusy().Because(fmt.Errorf("the contract %s has %d calls under way", client.Contract, n))
	}
	if n := p.applications[client.Application]; n >= free {
		return nil, serverBusy().Because(fmt.Errorf("the application %s has %d calls under way",
			client.Application, n))
	}
	p.contracts[client]++
	p.applications[client.Application]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		release(p.contracts, client)
		release(p.applications, client.Application)
	}, nil
}

// takeFor takes a place and counts it.
func (p *places) takeFor(client wire.ClientID) (leave func(), err error) {
	giveBack, ok := p.take()
	if !ok {
		return nil, serverBusy()
	}
	uncount, err := p.count(client)
	if err != nil {
		giveBack()
		return nil, err
	}
	return func() {
		uncount()
		giveBack()
	}, nil
}

func release[K comparable](held map[K]int, key K) {
	if held[key]--; held[key] == 0 {
		delete(held, key)
	}
}

// keptPlaces is how many of keptCalls run at once.
const keptPlaces = 256

// keptCalls have places of their own, so that a busy server still gives out its keys, refreshes tokens and lets
// access be ended.
var keptCalls = map[string]bool{
	"GET " + KeySetPath:                                        true,
	"GET " + anyOlderBase + "jwks/oauth":                       true,
	"POST " + OlderBase + "oauth/token":                        true,
	"DELETE " + OlderBase + "user":                             true,
	"POST " + Base + "oauth/token":                             true,
	"GET " + Base + "permission-access/revoke/h:accountId":     true,
	"DELETE " + Base + "permission-access/service/h:accountId": true,
	"DELETE " + Base + "user":                                  true,
}

// openPlaces is how many of openCalls run at once.
const openPlaces = 64

// openCalls have few places, and these of their own: nobody signs them, so that nobody's share bounds those who read
// the answer slowly or not at all, or send the body so.
var openCalls = map[string]bool{
	"GET " + Base + "discovery/services":                                  true,
	"GET " + anyOlderBase + "discovery/services":                          true,
	"GET " + Base + "permission-access/contract/{contract}/{application}": true,
	"POST " + OlderBase + "permission-access/session":                     true,
}

// placesOf returns the places of which a call takes one.
func (a *api) placesOf(r *http.Request) *places {
	switch {
	case keptCalls[r.Pattern]:
		return a.kept
	case openCalls[r.Pattern]:
		return a.open
	}
	return a.places
}

// limited runs f if there is a free place.
func (a *api) limited(r *http.Request, f func() error) error {
	leave, ok := a.placesOf(r).take()
	if !ok {
		return serverBusy()
	}
	defer leave()
	return f()
}

// share runs f if the contract of a call does not have its share of the places yet.
func (a *api) share(r *http.Request, client wire.ClientID, f func() error) error {
	leave, err := a.placesOf(r).count(client)
	if err != nil {
		return err
	}
	defer leave()
	return f()
}

package simulator

import (
	"slices"
	"sync"
	"time"
)

// ListName is the name of a central list, which is in its address.
type ListName string

// The central lists.
const (
	ListProviders    ListName = "Zorgaanbiederslijst"      // ZAL
	ListClients      ListName = "OAuthclientlist"          // OCL
	ListServiceNames ListName = "Gegevensdienstnamenlijst" // GNL
	ListWhitelist    ListName = "Whitelist"                // WHL
)

// ListNames are the names of all lists.
var ListNames = []ListName{ListProviders, ListClients, ListServiceNames, ListWhitelist}

// ListFailure is how the response with a list fails.
type ListFailure string

// The failures.
const (
	ListOK             ListFailure = ""
	ListInvalid        ListFailure = "invalid"         // well-formed, but does not follow the schema
	ListWrongNamespace ListFailure = "wrong-namespace" // of a release that does not exist
	ListNotXML         ListFailure = "not-xml"         // an HTML page with status 200
	ListTruncated      ListFailure = "half"            // ends within an element
	ListOlder          ListFailure = "older"           // the previous number, and no first entry
	ListUnreachable    ListFailure = "unreachable"     // the connection is reset
	ListNotFound       ListFailure = "404"
	ListServerError    ListFailure = "500"
	ListEndless        ListFailure = "endless"    // 100 MB
	ListSlow           ListFailure = "slow"       // the response takes ten seconds
	ListRedirect       ListFailure = "redirected" // to another host
)

// ListFailures are all failures, ListOK included.
var ListFailures = []ListFailure{
	ListOK, ListInvalid, ListWrongNamespace, ListNotXML, ListTruncated, ListOlder,
	ListUnreachable, ListNotFound, ListServerError, ListEndless, ListSlow, ListRedirect,
}

// Lists are the central lists as they are published now. All methods are safe for
// concurrent use.
type Lists struct {
	now        func() time.Time
	clientName string

	mu        sync.Mutex
	lists     map[ListName]*publication
	release   int  // of the list of providers
	bareNodes bool // the older form of the whitelist
	clients   []listedClient
	hosts     []string
	delisted  map[string]bool // by provider
}

// publication is the state of one list.
type publication struct {
	number   uint64
	stamp    time.Time
	failure  ListFailure
	requests int
}

type listedClient struct{ host, name string }

// newLists returns the lists of a new simulator. The numbers begin with the current time,
// so that they grow when a simulator is started again.
func newLists(c Config) *Lists {
	l := &Lists{
		now: c.Now, clientName: c.ClientName, lists: map[ListName]*publication{}, release: 2,
		clients: []listedClient{{c.ClientID, c.ClientName}}, hosts: []string{"localhost", c.ClientID},
		delisted: map[string]bool{},
	}
	now := c.Now()
	for _, name := range ListNames {
		l.lists[name] = &publication{number: uint64(max(now.Unix(), 2)), stamp: now}
	}
	return l
}

// Publish publishes all lists again: each number grows by one.
func (l *Lists) Publish() { l.update(func() {}, ListNames...) }

// update changes the content of lists and publishes those with the names.
func (l *Lists) update(change func(), names ...ListName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	for _, name := range names {
		l.lists[name].number++
		l.lists[name].stamp = l.now()
	}
}

// SetNumber sets the Volgnummer of a list, which may become lower.
func (l *Lists) SetNumber(name ListName, number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lists[name].number, l.lists[name].stamp = number, l.now()
}

// Number returns the Volgnummer of a list.
func (l *Lists) Number(name ListName) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lists[name].number
}

// SetFailure sets how a list, or all lists if name is "", fails from now on. ListOK ends a
// failure.
func (l *Lists) SetFailure(name ListName, f ListFailure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for each, list := range l.lists {
		if name == "" || name == each {
			list.failure = f
		}
	}
}

// SetRelease publishes the list of providers in release 2 or 3 of its schema.
func (l *Lists) SetRelease(release int) {
	l.update(func() { l.release = release }, ListProviders)
}

// SetBareNodes publishes the whitelist with the host name directly in MedMijNode, as in
// older files, or in the element Hostname.
func (l *Lists) SetBareNodes(bare bool) {
	l.update(func() { l.bareNodes = bare }, ListWhitelist)
}

// SetWhitelist publishes the whitelist with these hosts. The first whitelist has localhost
// and the client.
func (l *Lists) SetWhitelist(hosts ...string) {
	l.update(func() { l.hosts = slices.Clone(hosts) }, ListWhitelist)
}

// SetClients publishes the list of clients with these host names. The first list has the
// client only. The simulator accepts the client even if it is not on the list.
func (l *Lists) SetClients(hosts ...string) {
	l.update(func() {
		l.clients = nil
		for _, host := range hosts {
			l.clients = append(l.clients, listedClient{host, l.clientName})
		}
	}, ListClients)
}

// SetListed removes a provider from the list of providers, or adds it again.
func (l *Lists) SetListed(provider string, listed bool) {
	l.update(func() { l.delisted[provider] = !listed }, ListProviders)
}

// Requests returns how often a list was requested.
func (l *Lists) Requests(name ListName) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lists[name].requests
}

// shown returns the release and the failure of the list of providers, for the home page.
func (l *Lists) shown() (release int, failure ListFailure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.release, l.lists[ListProviders].failure
}

// hasHost reports whether a host is on the whitelist.
func (l *Lists) hasHost(host string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.hosts, host)
}

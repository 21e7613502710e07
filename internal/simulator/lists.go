package simulator

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// List is one of the central lists, by the name that stands in its address.
type List string

// The lists.
const (
	ListProviders    List = "Zorgaanbiederslijst"      // ZAL
	ListClients      List = "OAuthclientlist"          // OCL
	ListServiceNames List = "Gegevensdienstnamenlijst" // GNL
	ListWhitelist    List = "Whitelist"                // WHL
)

// Lists are all of them.
var Lists = []List{ListProviders, ListClients, ListServiceNames, ListWhitelist}

// ListFailure is what is wrong with a list as it is served.
type ListFailure string

// The faults.
const (
	ListOK             ListFailure = ""
	ListInvalid        ListFailure = "invalid"         // well-formed, against the schema: an element too many, another missing
	ListWrongNamespace ListFailure = "wrong-namespace" // of a release that does not exist
	ListNotXML         ListFailure = "not-xml"         // a page, with status 200
	ListTruncated      ListFailure = "half"            // ends amid an element
	ListOlder          ListFailure = "older"           // a lower number, and an older state: the first entry is missing
	ListUnreachable    ListFailure = "unreachable"     // the connection is cut
	ListNotFound       ListFailure = "404"
	ListServerError    ListFailure = "500"
	ListEndless        ListFailure = "endless"    // 100 MB
	ListSlow           ListFailure = "slow"       // answers after ten seconds
	ListRedirect       ListFailure = "redirected" // to another host
)

// ListFailures are all of them.
var ListFailures = []ListFailure{ListOK, ListInvalid, ListWrongNamespace, ListNotXML, ListTruncated, ListOlder,
	ListUnreachable, ListNotFound, ListServerError, ListEndless, ListSlow, ListRedirect}

// publishedLists is what the lists say, and how they are served.
type publishedLists struct {
	mu        *sync.Mutex
	release   int  // of the list of providers
	bareNodes bool // the whitelist's older form
	clients   []listedClient
	hosts     []string
	delisted  map[string]bool
	number    map[List]uint64
	stamp     map[List]time.Time
	failure   map[List]ListFailure
	requests  map[List]int
}

type listedClient struct{ host, name string }

// newPublished begins to count at the time, so that the numbers still grow when a
// simulator is started anew.
func newPublishedLists(now time.Time, clientID, clientName string) publishedLists {
	p := publishedLists{mu: &sync.Mutex{}, release: 2, clients: []listedClient{{clientID, clientName}}, hosts: []string{"localhost", clientID},
		delisted: map[string]bool{}, number: map[List]uint64{}, stamp: map[List]time.Time{}, failure: map[List]ListFailure{}, requests: map[List]int{}}
	for _, l := range Lists {
		p.number[l], p.stamp[l] = uint64(max(now.Unix(), 2)), now
	}
	return p
}

// PublishLists publishes all lists anew: each number grows by one.
func (s *Simulator) PublishLists() {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.publish(s.Now(), Lists...)
}

func (p *publishedLists) publish(now time.Time, lists ...List) {
	for _, l := range lists {
		p.number[l]++
		p.stamp[l] = now
	}
}

// SetVolgnummer gives a list a number, also a lower one.
func (s *Simulator) SetVolgnummer(l List, number uint64) {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number[l], p.stamp[l] = number, s.Now()
}

// Volgnummer is the number of a list now.
func (s *Simulator) Volgnummer(l List) uint64 {
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	return s.lists.number[l]
}

// SetListFailure serves a list, or all of them when l is "", with a fault from now on;
// ListOK ends that.
func (s *Simulator) SetListFailure(l List, f ListFailure) {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range Lists {
		if l == "" || l == each {
			p.failure[each] = f
		}
	}
}

// SetZALRelease publishes the list of providers in release 2 or 3 of its schema.
func (s *Simulator) SetZALRelease(release int) {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release = release
	p.publish(s.Now(), ListProviders)
}

// SetBareNodes publishes the whitelist with the host name directly in MedMijNode,
// as older files have it, or with the element Hostname.
func (s *Simulator) SetBareNodes(bare bool) {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bareNodes = bare
	p.publish(s.Now(), ListWhitelist)
}

// SetWhitelist publishes the whitelist with these hosts; at first they are localhost
// and the client.
func (s *Simulator) SetWhitelist(hosts ...string) {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts = slices.Clone(hosts)
	p.publish(s.Now(), ListWhitelist)
}

// SetClients publishes the list of clients with these host names; at first it is the
// client alone. It changes the list only, not whom the simulator lets in.
func (s *Simulator) SetClients(hosts ...string) {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients = nil
	for _, h := range hosts {
		p.clients = append(p.clients, listedClient{h, s.ClientName})
	}
	p.publish(s.Now(), ListClients)
}

// SetListed takes a provider off the list of providers, or puts it back.
func (s *Simulator) SetListed(provider string, listed bool) {
	p := &s.lists
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delisted[provider] = !listed
	p.publish(s.Now(), ListProviders)
}

// ListRequests is how often a list was asked for.
func (s *Simulator) ListRequests(l List) int {
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	return s.lists.requests[l]
}

// whitelisted says whether a client may call a host.
func (s *Simulator) whitelisted(host string) bool {
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	return slices.Contains(s.lists.hosts, host)
}

// listHandler serves the lists, and what is outside all lists.
func (s *Simulator) listHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /lists/{file}", s.serveList)
	mux.HandleFunc(outsidePath, s.serveOutside)
	return mux
}

// outsidePath is where redirects lead that nobody may follow.
const outsidePath = "/outside"

func (s *Simulator) outsideURL() string {
	return strings.Replace(s.listsURL, "localhost", "127.0.0.1", 1) + outsidePath
}

func (s *Simulator) serveOutside(w http.ResponseWriter, r *http.Request) {
	s.recordViolation(r, "outside", "followed a redirect to a host that is not on the lists")
	if r.Header.Get("Authorization") != "" {
		s.recordViolation(r, "outside", "took the access token there")
	}
	w.WriteHeader(http.StatusTeapot)
}

func (s *Simulator) serveList(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutSuffix(r.PathValue("file"), ".xml")
	list := List(strings.TrimPrefix(name, "MedMij_"))
	if !ok || !slices.Contains(Lists, list) {
		http.Error(w, "no such list", http.StatusNotFound)
		return
	}
	body, fault := s.listText(list)
	s.Log.Debug("list asked for", "list", list, "fault", fault)
	send := func(status int, contentType string, body []byte) {
		response{status: status, contentType: contentType, body: body}.write(w)
	}
	switch fault {
	case ListUnreachable:
		abortConnection(w)
	case ListNotFound:
		http.Error(w, "not there", http.StatusNotFound)
	case ListServerError:
		http.Error(w, "broken", http.StatusInternalServerError)
	case ListNotXML:
		send(http.StatusOK, "text/html; charset=utf-8", []byte(htmlBody))
	case ListTruncated:
		send(http.StatusOK, "application/xml", body[:len(body)*2/3])
	case ListEndless:
		writeEndless(w, "application/xml", body[:len(body)/2])
	case ListRedirect:
		http.Redirect(w, r, s.outsideURL(), http.StatusFound)
	case ListSlow:
		if waitOrAbort(w, r, defaultSlow) {
			send(http.StatusOK, "application/xml", body)
		}
	default:
		send(http.StatusOK, "application/xml", body)
	}
}

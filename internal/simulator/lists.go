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

// ListFault is what is wrong with a list as it is served.
type ListFault string

// The faults.
const (
	ListRight          ListFault = ""
	ListInvalid        ListFault = "invalid"         // well-formed, against the schema: an element too many, another missing
	ListWrongNamespace ListFault = "wrong-namespace" // of a release that does not exist
	ListNotXML         ListFault = "not-xml"         // a page, with status 200
	ListHalf           ListFault = "half"            // ends amid an element
	ListOlder          ListFault = "older"           // a lower number, and an older state: the first entry is missing
	ListUnreachable    ListFault = "unreachable"     // the connection is cut
	ListMissing        ListFault = "404"
	ListBroken         ListFault = "500"
	ListEndless        ListFault = "endless"    // 100 MB
	ListSlow           ListFault = "slow"       // answers after ten seconds
	ListRedirect       ListFault = "redirected" // to another host
)

// ListFaults are all of them.
var ListFaults = []ListFault{ListRight, ListInvalid, ListWrongNamespace, ListNotXML, ListHalf, ListOlder,
	ListUnreachable, ListMissing, ListBroken, ListEndless, ListSlow, ListRedirect}

// published is what the lists say, and how they are served.
type published struct {
	mu        *sync.Mutex
	release   int  // of the list of providers
	bareNodes bool // the whitelist's older form
	clients   []client
	hosts     []string
	delisted  map[string]bool
	number    map[List]uint64
	stamp     map[List]time.Time
	fault     map[List]ListFault
	asked     map[List]int
}

type client struct{ host, name string }

// newPublished begins to count at the time, so that the numbers still grow when a
// simulator is started anew.
func newPublished(now time.Time, clientID, clientName string) published {
	p := published{mu: &sync.Mutex{}, release: 2, clients: []client{{clientID, clientName}}, hosts: []string{"localhost", clientID},
		delisted: map[string]bool{}, number: map[List]uint64{}, stamp: map[List]time.Time{}, fault: map[List]ListFault{}, asked: map[List]int{}}
	for _, l := range Lists {
		p.number[l], p.stamp[l] = uint64(max(now.Unix(), 2)), now
	}
	return p
}

// PublishLists publishes all lists anew: each number grows by one.
func (s *Simulator) PublishLists() {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	p.publish(s.Now(), Lists...)
}

func (p *published) publish(now time.Time, lists ...List) {
	for _, l := range lists {
		p.number[l]++
		p.stamp[l] = now
	}
}

// SetVolgnummer gives a list a number, also a lower one.
func (s *Simulator) SetVolgnummer(l List, number uint64) {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	p.number[l], p.stamp[l] = number, s.Now()
}

// Volgnummer is the number of a list now.
func (s *Simulator) Volgnummer(l List) uint64 {
	s.published.mu.Lock()
	defer s.published.mu.Unlock()
	return s.published.number[l]
}

// SpoilList serves a list, or all of them when l is "", with a fault from now on;
// ListRight ends that.
func (s *Simulator) SpoilList(l List, f ListFault) {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range Lists {
		if l == "" || l == each {
			p.fault[each] = f
		}
	}
}

// SetZALRelease publishes the list of providers in release 2 or 3 of its schema.
func (s *Simulator) SetZALRelease(release int) {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	p.release = release
	p.publish(s.Now(), ListProviders)
}

// SetBareNodes publishes the whitelist with the host name directly in MedMijNode,
// as older files have it, or with the element Hostname.
func (s *Simulator) SetBareNodes(bare bool) {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bareNodes = bare
	p.publish(s.Now(), ListWhitelist)
}

// SetWhitelist publishes the whitelist with these hosts; at first they are localhost
// and the client.
func (s *Simulator) SetWhitelist(hosts ...string) {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hosts = slices.Clone(hosts)
	p.publish(s.Now(), ListWhitelist)
}

// SetClients publishes the list of clients with these host names; at first it is the
// client alone. It changes the list only, not whom the simulator lets in.
func (s *Simulator) SetClients(hosts ...string) {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clients = nil
	for _, h := range hosts {
		p.clients = append(p.clients, client{h, s.ClientName})
	}
	p.publish(s.Now(), ListClients)
}

// SetListed takes a provider off the list of providers, or puts it back.
func (s *Simulator) SetListed(provider string, listed bool) {
	p := &s.published
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delisted[provider] = !listed
	p.publish(s.Now(), ListProviders)
}

// ListRequests is how often a list was asked for.
func (s *Simulator) ListRequests(l List) int {
	s.published.mu.Lock()
	defer s.published.mu.Unlock()
	return s.published.asked[l]
}

// whitelisted says whether a client may call a host.
func (s *Simulator) whitelisted(host string) bool {
	s.published.mu.Lock()
	defer s.published.mu.Unlock()
	return slices.Contains(s.published.hosts, host)
}

// listHandler serves the lists, and what is outside all lists.
func (s *Simulator) listHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /lists/{file}", s.serveList)
	mux.HandleFunc(outsidePath, s.outside)
	return mux
}

// outsidePath is where redirects lead that nobody may follow.
const outsidePath = "/outside"

func (s *Simulator) outsideURL() string {
	return strings.Replace(s.lists, "localhost", "127.0.0.1", 1) + outsidePath
}

func (s *Simulator) outside(w http.ResponseWriter, r *http.Request) {
	s.violate(r, "outside", "followed a redirect to a host that is not on the lists")
	if r.Header.Get("Authorization") != "" {
		s.violate(r, "outside", "took the access token there")
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
		answer{status: status, contentType: contentType, body: body}.send(w)
	}
	switch fault {
	case ListUnreachable:
		hangUp(w)
	case ListMissing:
		http.Error(w, "not there", http.StatusNotFound)
	case ListBroken:
		http.Error(w, "broken", http.StatusInternalServerError)
	case ListNotXML:
		send(http.StatusOK, "text/html; charset=utf-8", []byte(htmlBody))
	case ListHalf:
		send(http.StatusOK, "application/xml", body[:len(body)*2/3])
	case ListEndless:
		sendEndless(w, "application/xml", body[:len(body)/2])
	case ListRedirect:
		http.Redirect(w, r, s.outsideURL(), http.StatusFound)
	case ListSlow:
		if sleep(w, r, defaultSlow) {
			send(http.StatusOK, "application/xml", body)
		}
	default:
		send(http.StatusOK, "application/xml", body)
	}
}

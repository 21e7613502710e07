package medmij

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	_, otherKey := w.ca.Issue(t, providertest.Leaf{})
	for what, tt := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no client id":       {func(c *Config) { c.ClientID = "" }, "client id"},
		"a bad client id":    {func(c *Config) { c.ClientID = "https://x.example" }, "client id"},
		"no certificate":     {func(c *Config) { c.Certificate = nil }, "certificate and key"},
		"another key":        {func(c *Config) { c.Key = otherKey }, "certificate and key"},
		"no roots":           {func(c *Config) { c.Roots = nil }, "roots: no certificate"},
		"bad list roots":     {func(c *Config) { c.ListRoots = []byte("x") }, "roots of the list server"},
		"lists without name": {func(c *Config) { c.Lists = "https://x.example/" }, "%s once"},
		"lists over http":    {func(c *Config) { c.Lists = "http://x.example/%s" }, "not https"},
		"lists nowhere":      {func(c *Config) { c.Lists = "%s" }, "not an address"},
		"too often":          {func(c *Config) { c.Refresh = time.Millisecond }, "too often"},
		"a bad service":      {func(c *Config) { c.Services = []string{"5~3"} }, "service"},
		"a bad folder":       {func(c *Config) { c.Folder = "/dev/null/x" }, "folder"},
	} {
		c := w.config
		tt.change(&c)
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", what, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestReady(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	if err := n.ready(); !errors.Is(err, errNoLists) {
		t.Errorf("without lists: %v", err)
	}
	if _, _, err := n.DataServices(); !errors.Is(err, errNoLists) {
		t.Errorf("services without lists: %v", err)
	}
	if _, err := n.AuthorizationURL(t.Context(), departure()); !errors.Is(err, errNoLists) || errors.Is(err, delivery.ErrProviderGone) {
		t.Errorf("depart without lists: %v", err)
	}
	if o := n.Send(t.Context(), key53, sending()); o.Kind != delivery.OutcomeNotFiled {
		t.Errorf("send without lists: %+v", o)
	}
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.ready(); err != nil {
		t.Errorf("with lists: %v", err)
	}
	w.stelsel.put(oclXML(11, "other.example.nl"))
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.ready(); !errors.Is(err, errNotListed) || !strings.Contains(err.Error(), client) {
		t.Errorf("off the list of clients: %v", err)
	}
	if _, err := n.AuthorizationURL(t.Context(), departure()); !errors.Is(err, errNotListed) {
		t.Errorf("depart off the list of clients: %v", err)
	}
	if o := n.Send(t.Context(), key53, sending()); o.Kind != delivery.OutcomeNotFiled || !strings.Contains(o.Reason, "client list") {
		t.Errorf("send off the list of clients: %+v", o)
	}
}

func TestOurCertificate(t *testing.T) {
	for what, l := range map[string]providertest.Leaf{
		"expired":                 {Hosts: []string{client}, Expired: true},
		"not that of " + client:   {Hosts: []string{"other.example.nl"}},
		"certificate is not that": {},
	} {
		w := newWorld(t)
		w.config.Certificate, w.config.Key = w.ca.Issue(t, l)
		n := w.fresh()
		if err := n.ready(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want an error with %q", err, what)
		}
		if !strings.Contains(w.log.String(), "turn us away") {
			t.Errorf("the log says nothing: %s", w.log)
		}
	}
}

func TestServices(t *testing.T) {
	w := newWorld(t)
	n := w.fresh()
	list, gen, err := n.DataServices()
	want := DataService{Key: key53, Provider: linde, ID: "53", Name: "Meetwaarden vitale functies", Version: fhir.STU3}
	if err != nil || len(list) != 1 || list[0] != want || gen == 0 {
		t.Fatalf("%+v, %d, %v", list, gen, err)
	}
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, again, _ := n.DataServices(); again != gen {
		t.Errorf("nothing has changed, but the generation went from %d to %d", gen, again)
	}

	collect, elsewhere := w.offer("48"), w.offer("57")
	elsewhere.name, elsewhere.roles[1] = "elders", "https://fhir.elders.example/fhir"
	other := w.offer("60")
	other.name = "apotheek"
	collect.name = "verzamelaar"
	w.stelsel.put(zal2XML(11, w.offer("53"), collect, elsewhere, other))
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, again, _ := n.DataServices()
	if again == gen || len(list) != 2 || list[0].Key != "medmij:apotheek~60" || list[0].Name != "Gegevensdienst 60" || list[1] != want {
		t.Errorf("%+v, generation %d after %d", list, again, gen)
	}
	if _, err := n.AuthorizationURL(t.Context(), delivery.AuthorizationParams{Provider: "medmij:elders~57"}); !errors.Is(err, delivery.ErrProviderGone) || !strings.Contains(err.Error(), "whitelist") {
		t.Errorf("a host that is not on the whitelist: %v", err)
	}

	w.stelsel.put(whlXML(11, "localhost", "fhir.elders.example"))
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, more, _ := n.DataServices(); len(list) != 3 || more == again {
		t.Errorf("%+v, generation %d after %d", list, more, again)
	}
}

func TestOffers(t *testing.T) {
	old, recent, newest := sample(), sample(), sample()
	old.version, recent.version, newest.version = "1.4.0", "2.2.4", "2.10.0"
	newest.id = "48"
	recent.token = "https://new.example.nl/token"
	two := sample()
	two.roles = []string{"A", "https://a.example.nl/fhir", "B", "https://b.example.nl/fhir"}
	same := sample()
	same.roles = []string{"A", "https://a.example.nl/fhir", "B", "https://a.example.nl/fhir"}
	for what, tt := range map[string]struct {
		xml  string
		role string
		want offer
	}{
		"the newest version that has it": {zal3XML(1, old, recent, newest), "", offer{token: recent.token, resource: sample().roles[1]}},
		"one role":                       {zal2XML(1, old), "", offer{token: old.token, resource: old.roles[1]}},
		"two roles":                      {zal2XML(1, two), "", offer{}},
		"two roles, one configured":      {zal2XML(1, two), "B", offer{token: two.token, resource: "https://b.example.nl/fhir"}},
		"two roles, another configured":  {zal2XML(1, two), "C", offer{}},
		"two roles of one address":       {zal2XML(1, same), "", offer{token: two.token, resource: "https://a.example.nl/fhir"}},
	} {
		l, err := strict.read(nameZAL, []byte(tt.xml))
		if err != nil {
			t.Fatal(err)
		}
		c := Config{SystemRoles: map[string]string{"53": tt.role}}.withDefaults()
		s := (&snapshot{}).with(l, c)
		got, ok := s.offers["medmij:umcharderwijk~53"]
		if ok != (tt.want != offer{}) || got.token != tt.want.token || got.resource != tt.want.resource {
			t.Errorf("%s: %+v, %v", what, got, ok)
		}
	}
}

func TestRefresh(t *testing.T) {
	w := newWorld(t)
	n := w.fresh()
	number := func(name listName) uint64 { return n.known.Load().number(name) }
	refresh := func() error { return n.Refresh(t.Context()) }

	if err := refresh(); err != nil || w.stelsel.same != 4 {
		t.Errorf("a second time: %v, %d of 4 by their tags", err, w.stelsel.same)
	}

	// An older list is refused, one of the same number kept as it is, a newer one taken.
	w.stelsel.put(whlXML(9, "old.example.nl"))
	if err := refresh(); err == nil || !strings.Contains(err.Error(), "lower than 10") || number(nameWHL) != 10 {
		t.Errorf("an older list: %v", err)
	}
	w.stelsel.put(whlXML(10, "changed.example.nl"))
	if err := refresh(); err != nil || n.known.Load().whl.hosts["changed.example.nl"] {
		t.Errorf("a list of the same number: %v", err)
	}
	w.stelsel.put(whlXML(12, "localhost", "new.example.nl"))
	if err := refresh(); err != nil || !n.known.Load().whl.hosts["new.example.nl"] {
		t.Errorf("a newer list: %v", err)
	}

	// One that fails does not keep the others back, and its last good copy stands.
	w.stelsel.put(strings.Replace(zal2XML(11, w.offer("53")), "Zorgaanbiedernaam>", "Naam>", 2), gnlXML(11, "53", "Nieuwe naam"))
	err := refresh()
	if err == nil || !strings.Contains(err.Error(), "Zorgaanbiederslijst") || number(nameZAL) != 10 || number(nameGNL) != 11 {
		t.Errorf("a list that is no list: %v; %d, %d", err, number(nameZAL), number(nameGNL))
	}
	if err := refresh(); err == nil {
		t.Error("a bad list was remembered by its tag")
	}
	for _, status := range []int{302, 404, 500, 304} {
		w.stelsel.answers["OAuthclientlist"] = status
		err := refresh()
		if status != 304 && (err == nil || !strings.Contains(err.Error(), "OAuthclientlist: the list server answered")) {
			t.Errorf("%d: %v", status, err)
		}
		if number(nameOCL) != 10 {
			t.Errorf("%d: the last good list is gone", status)
		}
	}
	list, _, err := n.DataServices()
	if err != nil || len(list) != 1 || list[0].Name != "Nieuwe naam" {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestKept: a restart while the list server is down changes nothing, and does not bring
// an older list back in.
func TestKept(t *testing.T) {
	w := newWorld(t)
	w.config.Folder = filepath.Join(t.TempDir(), "lists")
	before := w.fresh()
	want, _, _ := before.DataServices()

	for _, name := range listNames {
		w.stelsel.answers[string(name)] = 503
	}
	n := w.open()
	if err := n.Refresh(t.Context()); err == nil {
		t.Error("the list server is down, but the refresh went well")
	}
	got, _, err := n.DataServices()
	if err != nil || len(got) != 1 || got[0] != want[0] || n.ready() != nil {
		t.Errorf("%+v, %v, %v", got, err, n.ready())
	}
	clear(w.stelsel.answers)
	w.stelsel.put(zal2XML(9))
	if err := n.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "lower than 10") {
		t.Errorf("an older list after a restart: %v", err)
	}

	files, err := os.ReadDir(w.config.Folder)
	if err != nil || len(files) != 4 {
		t.Errorf("%v, %v", files, err)
	}
	if err := os.WriteFile(filepath.Join(w.config.Folder, "MedMij_Zorgaanbiederslijst.xml"), []byte("<half"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.stelsel.put(zal2XML(12, w.offer("53")))
	n = w.open()
	if err := n.ready(); !errors.Is(err, errNoLists) || !strings.Contains(w.log.String(), "cannot be used") {
		t.Errorf("a broken file: %v", err)
	}
	if err := n.Refresh(t.Context()); err != nil || n.ready() != nil {
		t.Errorf("after a broken file: %v, %v", err, n.ready())
	}
}

// TestDiskFault: a list that could not be kept counts all the same, and is kept later.
func TestDiskFault(t *testing.T) {
	w := newWorld(t)
	w.config.Folder = filepath.Join(t.TempDir(), "lists")
	n := w.open()
	if err := os.RemoveAll(w.config.Folder); err != nil {
		t.Fatal(err)
	}
	if err := n.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "keep the list") {
		t.Errorf("without a folder: %v", err)
	}
	if err := n.ready(); err != nil {
		t.Errorf("without a folder: %v", err)
	}
	if err := os.Mkdir(w.config.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := n.Refresh(t.Context()); err != nil {
		t.Error(err)
	}
	if err := w.open().ready(); err != nil {
		t.Errorf("kept later: %v", err)
	}
}

func TestPause(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	if p := n.pause(); p < 27*time.Second || p > 33*time.Second {
		t.Errorf("without lists the next try is after %v", p)
	}
	if err := n.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := map[time.Duration]bool{}
	for range 20 {
		p := n.pause()
		if p < 13*time.Minute || p > 17*time.Minute {
			t.Errorf("the next refresh is after %v", p)
		}
		seen[p] = true
	}
	if len(seen) < 2 {
		t.Error("no jitter")
	}
}

func TestRun(t *testing.T) {
	w := newWorld(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n, err := New(w.config)
		if err != nil {
			t.Fatal(err)
		}
		n.c.Lists = "gopher://%s" // fails without a connection, which a bubble cannot have
		done := make(chan struct{})
		go func() { n.Run(ctx); close(done) }()
		time.Sleep(2 * time.Minute)
		cancel()
		<-done
	})
	if got := strings.Count(w.log.String(), "could not all be refreshed"); got < 3 || got > 6 {
		t.Errorf("%d tries in two minutes: %s", got, w.log)
	}
}

// TestDocs: the page for operators has the reasons why nothing is sent.
func TestDocs(t *testing.T) {
	providertest.Documented(t, providertest.Page(t, testenv.Root(t)), notListed, otherVersion)
	for _, err := range ours {
		providertest.Documented(t, providertest.Page(t, testenv.Root(t)), err.Error())
	}
}

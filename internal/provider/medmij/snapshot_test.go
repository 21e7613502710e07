package medmij

import (
	"errors"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/fhir"
)

func TestDataServices(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	want := DataService{Key: key53, Provider: linde, ID: "53", Name: "Meetwaarden vitale functies", Version: fhir.STU3}
	list, generation, err := n.DataServices()
	if err != nil || len(list) != 1 || list[0] != want || generation == 0 {
		t.Fatalf("%+v, %d, %v", list, generation, err)
	}
	if err := n.UpdateLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, again, _ := n.DataServices(); again != generation {
		t.Errorf("nothing has changed, but the generation went from %d to %d", generation, again)
	}
}

// A data service can be used if it is one to push to, and all its hosts are on the whitelist.
func TestUsableDataServices(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	before, generation, err := n.DataServices()
	if err != nil {
		t.Fatal(err)
	}
	collect, elsewhere, other := w.service("48"), w.service("57"), w.service("60")
	collect.name, elsewhere.name, other.name = "verzamelaar", "elders", "apotheek"
	elsewhere.roles[1] = "https://fhir.elders.example/fhir"
	w.lists.publish(zal2XML(11, w.service("53"), collect, elsewhere, other))
	if err := n.UpdateLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, again, _ := n.DataServices()
	if again == generation || len(list) != 2 ||
		list[0].Key != "medmij:apotheek~60" || list[0].Name != "Gegevensdienst 60" ||
		list[1] != before[0] {
		t.Errorf("%+v, generation %d after %d", list, again, generation)
	}
	_, err = n.AuthorizationURL(t.Context(), delivery.AuthorizationParams{Provider: "medmij:elders~57"})
	if !errors.Is(err, delivery.ErrProviderGone) || !strings.Contains(err.Error(), "whitelist") {
		t.Errorf("a host that is not on the whitelist: %v", err)
	}

	w.lists.publish(whlXML(11, "localhost", "fhir.elders.example"))
	if err := n.UpdateLists(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, more, _ := n.DataServices(); len(list) != 3 || more == again {
		t.Errorf("with the host on the whitelist: %+v, generation %d after %d", list, more, again)
	}
}

func TestEndpoints(t *testing.T) {
	old, recent, newest := sampleService(), sampleService(), sampleService()
	old.version, recent.version, newest.version = "1.4.0", "2.2.4", "2.10.0"
	newest.id = "48"
	recent.token = "https://new.example.nl/token"
	two := sampleService()
	two.roles = []string{"A", "https://a.example.nl/fhir", "B", "https://b.example.nl/fhir"}
	same := sampleService()
	same.roles = []string{"A", "https://a.example.nl/fhir", "B", "https://a.example.nl/fhir"}
	for what, tt := range map[string]struct {
		xml  string
		role string
		want endpoints
	}{
		"the newest version that has it": {zal3XML(1, old, recent, newest), "",
			endpoints{token: recent.token, resource: sampleService().roles[1]}},
		"one role":  {zal2XML(1, old), "", endpoints{token: old.token, resource: old.roles[1]}},
		"two roles": {zal2XML(1, two), "", endpoints{}},
		"two roles, one configured": {zal2XML(1, two), "B",
			endpoints{token: two.token, resource: "https://b.example.nl/fhir"}},
		"two roles, another configured": {zal2XML(1, two), "C", endpoints{}},
		"two roles of one address": {zal2XML(1, same), "",
			endpoints{token: two.token, resource: "https://a.example.nl/fhir"}},
	} {
		t.Run(what, func(t *testing.T) {
			l, err := strictReader.read(nameZAL, []byte(tt.xml))
			if err != nil {
				t.Fatal(err)
			}
			c := Config{SystemRoles: map[string]string{"53": tt.role}}.withDefaults()
			s := (&snapshot{}).with(l, c)
			got, ok := s.endpoints["medmij:umcharderwijk~53"]
			if ok != (tt.want != endpoints{}) || got.token != tt.want.token || got.resource != tt.want.resource {
				t.Errorf("%+v, %v", got, ok)
			}
		})
	}
}

package medmij

import (
	"strconv"
	"strings"
	"testing"
)

// A list with a lower number is refused, one with the same number is ignored, a newer one is used.
func TestUpdateLists(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	if err := n.UpdateLists(t.Context()); err != nil || w.lists.unchanged != 4 {
		t.Errorf("a second time: %v, %d of 4 unchanged", err, w.lists.unchanged)
	}
	w.lists.publish(whlXML(9, "old.example.nl"))
	if err := n.UpdateLists(t.Context()); err == nil || !strings.Contains(err.Error(), "lower than 10") ||
		n.current.Load().number(nameWHL) != 10 {
		t.Errorf("an older list: %v", err)
	}
	w.lists.publish(whlXML(10, "changed.example.nl"))
	if err := n.UpdateLists(t.Context()); err != nil || n.current.Load().whl.hosts["changed.example.nl"] {
		t.Errorf("a list of the same number: %v", err)
	}
	w.lists.publish(whlXML(12, "localhost", "new.example.nl"))
	if err := n.UpdateLists(t.Context()); err != nil || !n.current.Load().whl.hosts["new.example.nl"] {
		t.Errorf("a newer list: %v", err)
	}
}

// If a list is invalid, the others are updated, its last good copy stays in use, and it is fetched
// again.
func TestUpdateInvalidList(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	w.lists.publish(strings.Replace(zal2XML(11, w.service("53")), "Zorgaanbiedernaam>", "Naam>", 2),
		gnlXML(11, "53", "Nieuwe naam"))
	err := n.UpdateLists(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Zorgaanbiederslijst") {
		t.Errorf("an invalid list: %v", err)
	}
	if zal, gnl := n.current.Load().number(nameZAL), n.current.Load().number(nameGNL); zal != 10 || gnl != 11 {
		t.Errorf("the lists have the numbers %d and %d, want 10 and 11", zal, gnl)
	}
	if err := n.UpdateLists(t.Context()); err == nil {
		t.Error("the ETag of an invalid list was kept")
	}
	list, _, err := n.DataServices()
	if err != nil || len(list) != 1 || list[0].Name != "Nieuwe naam" {
		t.Errorf("%+v, %v", list, err)
	}
}

// If the list server does not answer with a list, the last good one stays in use.
func TestUpdateListStatus(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	for _, status := range []int{302, 404, 500, 304} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			w.lists.statuses["OAuthclientlist"] = status
			err := n.UpdateLists(t.Context())
			if status != 304 && (err == nil ||
				!strings.Contains(err.Error(), "OAuthclientlist: the list server answered")) {
				t.Error(err)
			}
			if n.current.Load().number(nameOCL) != 10 {
				t.Error("the last good list is gone")
			}
		})
	}
}

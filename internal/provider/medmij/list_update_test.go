package medmij

import (
	"strings"
	"testing"
)

func TestUpdateLists(t *testing.T) {
	t.Parallel()
	w := newTestNetwork(t)
	n := w.newUpdatedNetwork()
	number := func(name listName) uint64 { return n.current.Load().number(name) }
	update := func() error { return n.UpdateLists(t.Context()) }

	if err := update(); err != nil || w.lists.unchanged != 4 {
		t.Errorf("a second time: %v, %d of 4 unchanged", err, w.lists.unchanged)
	}

	// An older list is refused, one with the same number is ignored, a newer one is used.
	w.lists.publish(whlXML(9, "old.example.nl"))
	if err := update(); err == nil || !strings.Contains(err.Error(), "lower than 10") || number(nameWHL) != 10 {
		t.Errorf("an older list: %v", err)
	}
	w.lists.publish(whlXML(10, "changed.example.nl"))
	if err := update(); err != nil || n.current.Load().whl.hosts["changed.example.nl"] {
		t.Errorf("a list of the same number: %v", err)
	}
	w.lists.publish(whlXML(12, "localhost", "new.example.nl"))
	if err := update(); err != nil || !n.current.Load().whl.hosts["new.example.nl"] {
		t.Errorf("a newer list: %v", err)
	}

	// If a list fails, the others are updated and its last good copy stays in use.
	w.lists.publish(strings.Replace(zal2XML(11, w.service("53")), "Zorgaanbiedernaam>", "Naam>", 2),
		gnlXML(11, "53", "Nieuwe naam"))
	err := update()
	if err == nil || !strings.Contains(err.Error(), "Zorgaanbiederslijst") || number(nameZAL) != 10 ||
		number(nameGNL) != 11 {
		t.Errorf("an invalid list: %v; %d, %d", err, number(nameZAL), number(nameGNL))
	}
	if err := update(); err == nil {
		t.Error("the ETag of an invalid list was kept")
	}
	for _, status := range []int{302, 404, 500, 304} {
		w.lists.statuses["OAuthclientlist"] = status
		err := update()
		if status != 304 && (err == nil ||
			!strings.Contains(err.Error(), "OAuthclientlist: the list server answered")) {
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
